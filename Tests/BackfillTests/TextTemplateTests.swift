import Backfill
import Foundation
import Testing

/// How a job spells a text, and how a fingerprint records it.
@Suite struct TextTemplateTests {
  @Test(arguments: [
    ("{title}\n\n{body}", ["", "\n\n"], ["title", "body"], ""),
    ("Title: {title} ({{draft}})", ["Title: "], ["title"], " ({draft})"),
    ("{{{a b}}}", ["{"], ["a b"], "}"), ("{a}{a}", ["", ""], ["a", "a"], ""),
    ("{{\u{301}{a}", ["{\u{301}"], ["a"], ""), ("{ a}\r\n{É}", ["", "\r\n"], [" a", "É"], ""),
  ])
  func `a template is read, and spelled as it was`(
    _ text: String, _ before: [String], _ columns: [String], _ end: String
  ) throws {
    let template = try TextTemplate(parsing: text)
    #expect(template.pieces.map { Array($0.before.utf8) } == before.map { Array($0.utf8) })
    #expect(template.pieces.map(\.column) == columns)
    #expect(template.end == end)
    #expect(template.spelling.map { Array($0.utf8) } == Array(text.utf8))
  }

  @Test(arguments: [
    ("{title", "has a { without its }"), ("title}", "has a } without its {"), ("{}", "has no column's name in {}"),
    ("{ \t}", "has no column's name in {}"), ("{{title}}", "names no column"), ("{a{b}", "has a { without its }"),
    ("{a}}", "has a } without its {"), ("{{{a}}", "has a } without its {"), ("", "names no column"),
  ])
  func `a template that can't be read is refused`(_ text: String, _ reason: String) {
    #expect(throws: TextTemplate.Mistake(reason: reason)) { try TextTemplate(parsing: text) }
  }

  @Test func `a column is recorded as versions before recorded it, anything else as they don't understand`() throws {
    struct Older: Decodable {
      let text: String
    }
    let texts: [SourceText] = [
      "content", "{odd}", .columns(["title", "body"]), .sql("payload->>'text' -- \"why\""),
      SourceText(try TextTemplate(parsing: "a {{b}} {c}")), .columns(["{odd}", "b"]), .columns(["x{odd", "b"]),
      .columns(["}", "{{b}}"]), SourceText(try TextTemplate(parsing: "{{odd}}\n\n{b}")),
      .template(TextTemplate([TextTemplate.Piece(before: "{", column: "a}")], end: "\n")),
    ]
    #expect(Set(texts.map(\.description)).count == texts.count)
    for text in texts {
      let made = Fingerprint(model: "m", dimensions: 3, text: text, preparation: TextPreparation())
      let recorded = try made.recorded()
      #expect(try Fingerprint(recorded: recorded, of: "c", in: "p") == made)
      let older = try? JSONDecoder().decode(Older.self, from: Data(recorded.utf8)).text
      if case .column(let name) = text { #expect(older == name) } else { #expect(older == nil) }
      #expect(!made.description.contains("\n"))
      for other in texts where other != text {
        #expect(!made.admits(Fingerprint(model: "m", dimensions: 3, text: other, preparation: TextPreparation())))
      }
      let viewed = Fingerprint(model: "m", dimensions: 3, text: text, preparation: TextPreparation(), view: "v")
      #expect(!made.admits(viewed) && !viewed.admits(made))
      #expect(try Fingerprint(recorded: viewed.recorded(), of: "c", in: "p") == viewed)
      #expect((try? JSONDecoder().decode(Older.self, from: Data(viewed.recorded().utf8))) == nil)
    }
  }

  @Test func `a list of columns has blank lines between them, and one alone is a column`() throws {
    #expect(SourceText.columns(["title", "body"]) == SourceText(try TextTemplate(parsing: "{title}\n\n{body}")))
    #expect(SourceText.columns(["title"]) == "title")
    #expect(SourceText(try TextTemplate(parsing: "{title}")) == "title")
    #expect(SourceText.columns(["a", "b", "a"]).columns == ["a", "b"])
    #expect(SourceText.sql("a").columns == nil)
  }
}
