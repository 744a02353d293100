import Backfill

/// Everything that can be set beside a job's name and sources; the raw value is its key path in a file.
///
/// This table alone drives the flags, the variables, the files' keys, their checks and `docs/configuration.md`.
package enum Parameter: String, CaseIterable, Sendable {
  case provider
  case model
  case dimensions
  case cut
  case newlines = "preparation.newlines"
  case prefix
  case queryPrefix = "query_prefix"
  case tooLong = "too_long"
  case duplicates
  case spool
  case mode
  case batchSize = "batch_size"
  case concurrency
  case writers
  case requestsPerMinute = "limits.requests_per_minute"
  case tokensPerMinute = "limits.tokens_per_minute"
  case limitShare = "limits.share"
  case share
  case enqueuedTokens = "limits.enqueued_tokens"
  case budget = "budget.usd"
  case indexWhen = "index.when"
  case databaseURL = "database_url"
  case migrationDatabaseURL = "migration_database_url"
  case ledger
  case apiKey = "api_key"
  case baseURL = "base_url"
  case organization
  case project
  case endpoint
  case deployment
  case apiVersion = "api_version"
  case encodingFormat = "encoding_format"
  case sendDimensions = "send_dimensions"
  case headers
  case body
  case timeout
  case caFile = "ca_file"
  case proxy
  case models
  case configFolder = "config_dir"
}

extension Parameter {
  /// How a parameter is set, what it takes and what it is without being set.
  package struct Definition: Sendable {
    package let summary: String
    package let allowed: Allowed
    /// The command line's flag; nil where there is none, as for every key: other users can see a command line.
    package let flag: String?
    package let variable: String?
    /// Whether a job spec and `config/defaults.yaml` may set it.
    package let isInFiles: Bool
    package let fallback: SettingValue?
    /// The default in words where it is derived from other settings.
    package let derivedDefault: String?

    fileprivate init(
      _ summary: String, _ allowed: Allowed, flag: String? = nil, variable: String? = nil, isInFiles: Bool = true,
      fallback: SettingValue? = nil, derived: String? = nil
    ) {
      self.summary = summary
      self.allowed = allowed
      self.flag = flag
      self.variable = variable
      self.isInFiles = isInFiles
      self.fallback = fallback
      self.derivedDefault = derived
    }
  }

  /// What pgvector's `vector` type holds.
  static let possibleDimensions = 1...16_000

  package var definition: Definition {
    switch self {
    case .provider:
      Definition(
        "the provider that makes the vectors, by its name in the catalogue", .word, flag: "--provider",
        variable: "VECFILL_PROVIDER",
        fallback: .text(CatalogueProvider.openAI))
    case .model:
      Definition(
        "the model's id as the provider knows it", .text, flag: "--model", variable: "VECFILL_MODEL",
        derived: "none; `\(ModelCatalogue.demoModel)` with provider `demo`")
    case .dimensions:
      Definition(
        "the vectors' length", .integer(Self.possibleDimensions), flag: "--dimensions", variable: "VECFILL_DIMENSIONS",
        derived: "the model's own, from the catalogue")
    case .cut:
      Definition(
        "who shortens vectors to `dimensions`; `local` takes their first values and makes their length 1",
        .choice(VectorCut.allCases.map(\.rawValue)), fallback: .text(VectorCut.provider.rawValue))
    case .newlines:
      Definition(
        "`space` makes each U+000A one space before embedding",
        .choice(TextPreparation.Newlines.allCases.map(\.rawValue)),
        fallback: .text(TextPreparation().newlines.rawValue))
    case .prefix:
      Definition("stands before each stored text", .phrase, derived: "the model's, from the catalogue")
    case .queryPrefix:
      Definition("stands before the words of a search", .phrase, derived: "the model's, from the catalogue")
    case .tooLong:
      Definition(
        "what becomes of a text with more tokens than the model takes",
        .choice(TextPreparation.TooLong.allCases.map(\.rawValue)),
        fallback: .text(TextPreparation().tooLong.rawValue))
    case .duplicates:
      Definition(
        "over which rows equal texts are paid once: those of a page, or of the whole table",
        .choice(Duplicates.allCases.map(\.rawValue)), fallback: .text(Duplicates.page.rawValue))
    case .spool:
      Definition(
        "where a reply that was received is kept until its rows are written: in the `ledger`, or in the `database` too",
        .choice(SpoolPlace.allCases.map(\.rawValue)), fallback: .text(SpoolPlace.ledger.rawValue))
    case .mode:
      Definition(
        "how rows are asked for: by `requests`, or in files by the provider's `batch` API",
        .choice(FillingMode.allCases.map(\.rawValue)), fallback: .text(FillingMode.requests.rawValue))
    case .batchSize:
      // 2,048 is the most inputs that OpenAI's API takes in one request.
      Definition(
        "the most inputs of one request", .integer(1...2048), flag: "--batch-size", variable: "VECFILL_BATCH_SIZE",
        fallback: .integer(100))
    case .concurrency:
      Definition(
        "the most requests in flight", .integer(1...256), flag: "--concurrency", variable: "VECFILL_CONCURRENCY",
        fallback: .integer(8))
    case .writers:
      Definition(
        "the most writes to the database side by side", .integer(1...16), flag: "--writers",
        variable: "VECFILL_WRITERS", fallback: .integer(2))
    case .requestsPerMinute:
      Definition(
        "the most requests a minute", .integer(1...1_000_000_000), flag: "--requests-per-minute",
        variable: "VECFILL_REQUESTS_PER_MINUTE",
        derived: "the catalogue's, if it has one; the provider's own limit always holds too")
    case .tokensPerMinute:
      Definition(
        "the most tokens a minute", .integer(1...1_000_000_000_000), flag: "--tokens-per-minute",
        variable: "VECFILL_TOKENS_PER_MINUTE",
        derived: "the catalogue's, if it has one; the provider's own limit always holds too")
    case .limitShare:
      Definition(
        "the part of the limits a minute that the job's processes use; the rest is left to others",
        .number(0.01...1), fallback: .number(1))
    case .share:
      Definition(
        "where processes share the limits and the budget: `none`, or in the `database`",
        .choice(SharePlace.allCases.map(\.rawValue)), fallback: .text(SharePlace.none.rawValue))
    case .enqueuedTokens:
      Definition(
        "the most tokens that the account may have enqueued in batches", .integer(1...1_000_000_000_000_000),
        derived: "what the provider refuses")
    case .budget:
      Definition(
        "the most dollars that the job may spend over all its runs", .number(0.0001...1_000_000), flag: "--budget",
        variable: "VECFILL_BUDGET")
    case .indexWhen:
      Definition(
        "what a run does with the vector indexes of the columns that it fills",
        .choice(IndexPolicy.allCases.map(\.rawValue)), fallback: .text(IndexPolicy.keep.rawValue))
    case .databaseURL:
      Definition("the database that holds the texts", .database, variable: "DATABASE_URL", isInFiles: false)
    case .migrationDatabaseURL:
      Definition(
        "the database's direct address, not a pooler's, for migrations and index builds", .database,
        flag: "--migration-database-url", variable: "VECFILL_MIGRATION_DATABASE_URL", isInFiles: false,
        derived: "`DATABASE_URL`")
    case .ledger:
      Definition(
        "the ledger's file", .path, flag: "--ledger", variable: "VECFILL_LEDGER", isInFiles: false,
        derived: "`vecfill.db` in the per-user state folder")
    case .apiKey:
      Definition(
        "the provider's key", .key, variable: "VECFILL_API_KEY", isInFiles: false,
        derived: "the provider's own variable, e.g. `OPENAI_API_KEY`")
    case .baseURL:
      Definition(
        "the API's address; `OPENAI_BASE_URL` is read only for provider `openai`", .webURL, flag: "--base-url",
        variable: "OPENAI_BASE_URL", derived: "the provider's, from the catalogue")
    case .organization:
      Definition("the `OpenAI-Organization` header", .word, variable: "OPENAI_ORG_ID")
    case .project:
      Definition("the `OpenAI-Project` header", .word, variable: "OPENAI_PROJECT_ID")
    case .endpoint:
      Definition("the Azure OpenAI resource's URL", .webURL, variable: "AZURE_OPENAI_ENDPOINT")
    case .deployment:
      Definition(
        "the Azure OpenAI deployment's name", .word, variable: "AZURE_OPENAI_DEPLOYMENT", derived: "the model's id")
    case .apiVersion:
      Definition(
        "Azure OpenAI's `api-version`, which selects the classic URL", .word, variable: "OPENAI_API_VERSION",
        derived: "none: the v1 URL")
    case .encodingFormat:
      Definition(
        "how vectors are asked for first", .choice(["base64", "float"]), derived: "the provider's, from the catalogue")
    case .sendDimensions:
      Definition(
        "whether requests name the dimensions; some servers refuse that", .boolean,
        derived: "`true` where the catalogue knows the model and they are not its own")
    case .headers:
      Definition("headers of each request", .headers)
    case .body:
      Definition("fields of each request's body, which win over the catalogue's", .object)
    case .timeout:
      Definition(
        "seconds until a request counts as lost", .integer(1...3600), variable: "VECFILL_TIMEOUT",
        fallback: .integer(ProviderSettings.standardTimeout))
    case .caFile:
      Definition(
        "certificates to trust, as PEM", .path, variable: "SSL_CERT_FILE", derived: "the system's")
    case .proxy:
      Definition(
        "the proxy for requests", .proxy, variable: "VECFILL_PROXY",
        derived: "libcurl's: `https_proxy`, `all_proxy`, `no_proxy`")
    case .models:
      Definition(
        "a catalogue of models, merged over the others", .path, flag: "--models", variable: "VECFILL_MODELS",
        isInFiles: false)
    case .configFolder:
      Definition(
        "the folder of `defaults.yaml` and `models.yaml`", .path, variable: "VECFILL_CONFIG_DIR", isInFiles: false,
        derived: "the nearest `config/` or `share/vecfill/config/` above the executable")
    }
  }

  /// Refuses a value that is not allowed; `place` is where it stands, `name` what it is called there.
  func refusal(in place: String, called name: String) -> Failure {
    // A wrong command line is another fault than a wrong setting.
    let isFlag = place == Origin.commandLine
    return Failure(
      isFlag ? .usage : .configuration, place, "\(name) must be \(definition.allowed)",
      remedy: isFlag ? "leave it out for the default" : nil)
  }
}
