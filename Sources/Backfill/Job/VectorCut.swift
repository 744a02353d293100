/// Who shortens a model's vectors to the job's dimensions.
package enum VectorCut: String, CaseIterable, Sendable, Codable {
  /// The provider, where it is asked for them; vectors of another length are refused.
  case provider
  /// vecfill: it takes the first values of the model's own vector and makes its length 1, as Matryoshka models allow.
  case local
}
