/// What an option of a database's address is to libpq; its key has neither case nor separators.
enum OptionMeaning: Equatable {
  /// One of libpq's own keywords.
  case keyword(String)
  /// Whether TLS is required, as `ssl=true`.
  case tls
  /// The one schema that unqualified names are looked up in, written as it is.
  case schema
  /// A `search_path`, written as SQL writes it.
  case searchPath
  /// A parameter of the server for this session.
  case server(String)
  /// How long a connection may take to be made, in thousandths of a second.
  case connectMilliseconds
  /// JDBC's `targetServerType`.
  case targetServer
  /// Whether the hosts are tried in a random order.
  case hostOrder
  /// How Prisma checks the server's certificate.
  case certificateCheck
  /// PKCS #12 in place of PEM files.
  case identityFile
  /// Set by vecfill itself, whatever it says.
  case ours
  /// Steers another driver, a pool or a framework only.
  case driver

  /// nil for an option that nobody here knows.
  init?(of option: ConnectionOption, keywords: [String: String]) {
    let key = option.key
    if let meaning = Self.translated[key] {
      self = meaning
    } else if Self.driverOnly.contains(key) || option.canBeNamed && option.name.hasPrefix("x-") {
      self = .driver
    } else if let keyword = keywords[key] {
      self = .keyword(keyword)
    } else if let name = option.subscripted("options") ?? option.subscripted("variables") {
      self = .server(name)
    } else {
      return nil
    }
  }

  /// The names of options that say which server, and how: as people write them.
  static let names = translated.compactMap { key, meaning -> String? in
    switch meaning {
    case .keyword, .ours, .driver: nil
    case .server(let name): name
    default: key
    }
  }

  private static let translated: [String: OptionMeaning] = [
    "username": .keyword("user"), "database": .keyword("dbname"), "pghost": .keyword("host"),
    "pgport": .keyword("port"), "pgdbname": .keyword("dbname"), "kerberosservername": .keyword("krbsrvname"),
    "logintimeout": .keyword("connect_timeout"), "connectiontimeoutmillis": .connectMilliseconds,
    "connectiontimeoutms": .connectMilliseconds,
    "ssl": .tls, "sslrequire": .tls, "requiressl": .tls, "usessl": .tls,
    "schema": .schema, "currentschema": .searchPath, "schemasearchpath": .searchPath, "searchpath": .searchPath,
    "statementtimeout": .server("statement_timeout"), "locktimeout": .server("lock_timeout"),
    "idleintransactionsessiontimeout": .server("idle_in_transaction_session_timeout"),
    "idlesessiontimeout": .server("idle_session_timeout"), "timezone": .server("timezone"), "role": .server("role"),
    "assumerole": .server("role"), "workmem": .server("work_mem"),
    "targetservertype": .targetServer, "loadbalancehosts": .hostOrder, "sslaccept": .certificateCheck,
    "sslidentity": .identityFile,
    "applicationname": .ours, "fallbackapplicationname": .ours, "clientencoding": .ours, "encoding": .ours,
    "charset": .ours, "replication": .driver,
  ]

  private static let driverOnly = Set(
    """
    pgbouncer connectionlimit pooltimeout sockettimeout statementcachesize maxconnectionlifetime
    maxidleconnectionlifetime
    pool reapingfrequency preparedstatements statementlimit timeout variables minmessages advisorylocks insertreturning
    checkouttimeout idletimeout adapter maxconnections minconnections maxage keepalive pooljitter retrydeadline
    connectionretries replica databasetasks migrationspaths schemadump schemacachepath querycache
    connmaxage connhealthchecks engine atomicrequests autocommit disableserversidecursors serversidebinding
    isolationlevel test
    poolsize maxoverflow poolrecycle poolpreping pooluselifo echo executemanymode serversidecursors asyncfallback
    preparedstatementcachesize preparedstatementnamefunc commandtimeout maxcachedstatementlifetime
    maxcacheablestatementsize preparethreshold minsize maxsize maxqueries maxinactiveconnectionlifetime directtls
    poolmaxconns poolminconns poolminidleconns poolmaxconnlifetime poolmaxconnlifetimejitter poolmaxconnidletime
    poolhealthcheckperiod poolpingtimeout defaultqueryexecmode statementcachecapacity descriptioncachecapacity
    statementcachemode prefersimpleprotocol connectrecovertimeout binaryparameters disablepreparedbinaryresult
    max min idletimeoutmillis querytimeout uselibpqcompat allowexitonidle maxuses maxlifetimeseconds
    keepaliveinitialdelaymillis acquiretimeoutmillis createtimeoutmillis destroytimeoutmillis acquireconnectiontimeout
    reapintervalmillis evict acquire idle logging dialect native debug prepare fetchtypes maxpipeline backoff
    maxlifetime synchronize binary connectiontimeout poolmax poolmin poolmode
    supa workaround queuetarget queueinterval
    adaptivefetch adaptivefetchmaximum adaptivefetchminimum allowencodingchanges assumeminserverversion
    authenticationpluginclassname autosave binarytransfer binarytransferdisable binarytransferenable
    cancelsignaltimeout cleanupsavepoints databasemetadatacachefields databasemetadatacachefieldsmib defaultrowfetchsize
    disablecolumnsanitiser escapesyntaxcallmode groupstartupparameters gsslib gssresponsetimeout
    hideunprivilegedobjects hostrecheckseconds jaasapplicationname jaaslogin localsocketaddress loggerfile loggerlevel
    logservererrordetail logunclosedconnections maxresultbuffer maxsendbuffersize preferquerymode
    preparedstatementcachequeries preparedstatementcachesizemib protocolversion quotereturningidentifiers readonly
    readonlymode receivebuffersize rewritebatchedinserts sendbuffersize socketfactory socketfactoryarg sslfactory
    sslfactoryarg sslhostnameverifier sslpasswordcallback sslresponsetimeout sspiserviceclass stringtype tcpkeepalive
    tcpnodelay unknownlength usespnego xmlfactoryfactory
    """.split(whereSeparator: \.isWhitespace).map(String.init))
}
