/// How vectors are asked for; they are read as they come.
package enum VectorEncoding: String, Sendable, CaseIterable {
  /// Little-endian float32 values in base64: less than half of the bytes, and far quicker to read.
  case base64
  case float
  /// The request says nothing of it: LiteLLM refuses the parameter, whatever its value, before some providers.
  case unsaid = "none"
}
