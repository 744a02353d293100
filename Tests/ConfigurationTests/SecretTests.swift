import Foundation
import Testing

@testable import Configuration

struct SecretTests {
  @Test(arguments: [
    ("postgresql://user:hunter2@db:5432/verse", "postgresql://user:***@db:5432/verse"),
    ("postgresql+psycopg2://user:hunter2@db/verse", "postgresql+psycopg2://user:***@db/verse"),
    ("postgresql://user@db/verse?sslmode=require", "postgresql://user@db/verse?sslmode=require"),
    ("postgresql://user:@db/verse", "postgresql://user:***@db/verse"),
    // Passwords that nobody escaped.
    ("postgresql://user:hun@ter2@db/verse", "postgresql://user:***@db/verse"),
    ("postgresql://user:hun/ter2@db/verse", "postgresql://user:***@db/verse"),
    ("postgresql://user:hun?ter2@db/verse", "postgresql://user:***@db/verse"),
    ("postgresql://user:hunt:er2@db/verse", "postgresql://user:***@db/verse"),
    // Parameters.
    ("postgresql://db/verse?user=u&password=hunter2", "postgresql://db/verse?user=u&password=***"),
    ("postgresql://db/verse?password=hunter2&sslmode=require", "postgresql://db/verse?password=***&sslmode=require"),
    ("postgresql://db/verse?pass%77ord=hunter2", "postgresql://db/verse?pass%77ord=***"),
    ("postgresql://db/verse?PASSWORD=hunter2", "postgresql://db/verse?PASSWORD=***"),
    ("postgresql://db/verse?password=hun&ter2", "postgresql://db/verse?password=***"),
    ("postgresql://db/verse?password=hun@ter2", "postgresql://db/verse?password=***"),
    ("postgresql://db/verse?sslpassword=hunter2", "postgresql://db/verse?sslpassword=***"),
    ("postgresql://u:hunter2@db/v?password=hunter2#x", "postgresql://u:***@db/v?password=***"),
    // libpq's keyword strings.
    ("host=db password=hunter2 dbname=verse", "host=db password=*** dbname=verse"),
    ("password = hunter2 host = db", "password=*** host=db"),
    (#"host=db password='hun ter\'2' user=u"#, "host=db password=*** user=u"),
    (#"password=hun\ ter2 user=u"#, "password=*** user=u"),
    ("host=db password='hunter2", "***"),
    ("hunter2", "***"),
    ("a hunter2=x", "***"),
    ("oauth_client_secret=hunter2 scram_client_key=hunter2", "oauth_client_secret=*** scram_client_key=***"),
    ("service=verse passfile=/run/pgpass sslkey=/run/key", "service=verse passfile=/run/pgpass sslkey=/run/key"),
    // Others.
    ("sqlite:////home/a:b@c/chat.db", "sqlite:////home/a:b@c/chat.db"),
    ("http://user:hunter2@proxy:3128", "http://user:***@proxy:3128"),
  ])
  func `a connection string is shown without its password`(text: String, shown: String) {
    let secret = Secret(connection: text)
    #expect(secret.redacted == shown)
    #expect(secret.reveal() == text)
    #expect(!shown.contains("unter2") && !shown.contains("ter2"))
  }

  @Test func `a key is shown by its length`() {
    #expect(Secret(key: String(repeating: "k", count: 51)).redacted == "set (51 characters)")
  }

  @Test func `a secret is in no description, dump or JSON`() throws {
    let secret = Secret(key: "sk-planted")
    var dumped = ""
    dump(["key": secret], to: &dumped)
    let json = String(decoding: try JSONEncoder().encode(["key": secret]), as: UTF8.self)
    for text in ["\(secret)", String(reflecting: secret), dumped, json, "\(SettingValue.secret(secret))"] {
      #expect(!text.contains("planted"))
    }
  }
}
