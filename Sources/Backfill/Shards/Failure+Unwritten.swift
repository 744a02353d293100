extension Failure {
  /// That a shard would pay again for rows of which vectors wait for a run of the whole column.
  package static func unwritten(_ rows: Int, of subject: String, in place: String) -> Failure {
    Failure(
      .configuration, subject,
      "\(place) holds vectors of \(rows.of("row")) that are paid for and not yet written, and are no shard's of this plan",
      remedy: "once no shard is at work, `vecfill run JOB --max-requests 1` writes them; then run the shard again")
  }
}
