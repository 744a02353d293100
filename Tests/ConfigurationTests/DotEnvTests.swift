import Foundation
import Testing

@testable import Configuration

struct DotEnvTests {
  @Test(arguments: [
    ("NAME=value", "value"),
    ("NAME=value\r\n", "value"),
    ("\u{FEFF}NAME=value", "value"),
    ("  NAME = value  ", "value"),
    ("export NAME=value", "value"),
    ("export\tNAME=value", "value"),
    ("NAME=", ""),
    ("NAME= # a comment", ""),
    ("NAME=value # a comment", "value"),
    ("NAME=value#no comment", "value#no comment"),
    ("NAME=#no comment", "#no comment"),
    ("NAME=two words", "two words"),
    ("NAME=a=b=c", "a=b=c"),
    ("NAME=it's", "it's"),
    ("NAME=host=db password='a b' # dsn", "host=db password='a b'"),
    ("NAME=$HOME/${USER}`id`$(id)", "$HOME/${USER}`id`$(id)"),
    (#"NAME=C:\new"#, #"C:\new"#),
    ("NAME='single $HOME # \"quoted\" \\n'", #"single $HOME # "quoted" \n"#),
    ("NAME='value' # a comment", "value"),
    (#"NAME="double 'quoted' # $HOME""#, "double 'quoted' # $HOME"),
    (#"NAME="a\nb\rc\td\\e\"f\$g""#, "a\nb\rc\td\\e\"f$g"),
    (#"NAME="""#, ""),
    ("NAME=\"two\r\nlines\" # a comment", "two\nlines"),
    ("NAME='two\nlines'", "two\nlines"),
    ("# NAME=no\n\n   # nor this\nNAME=yes", "yes"),
    ("NAME=first\nNAME=last", "last"),
    ("NAME=ключ🔑", "ключ🔑"),
  ])
  func `a value is read`(text: String, value: String) throws {
    let workspace = try Workspace()
    try workspace.write(text, to: ".env")
    #expect(try DotEnv(in: workspace.process).entries["NAME"]?.value == value)
  }

  @Test(arguments: [
    ("planted", ".env:1: is not NAME=value"),
    ("A=1\nplanted words", ".env:2: is not NAME=value"),
    ("A=1\r\n\r\n=planted", ".env:3: is not NAME=value"),
    ("1A=planted", ".env:1: is not NAME=value"),
    ("A-B=planted", ".env:1: is not NAME=value"),
    ("A B=planted", ".env:1: is not NAME=value"),
    ("A: planted", ".env:1: is not NAME=value"),
    ("export A", ".env:1: is not NAME=value"),
    ("exportA planted", ".env:1: is not NAME=value"),
    ("\n\nA='planted", ".env:3: has a quote that is never closed"),
    ("A=\"planted\nB=2\n", ".env:1: has a quote that is never closed"),
    ("A='plan'ted", ".env:1: goes on after its closing quote"),
    ("A='planted'#", ".env:1: goes on after its closing quote"),
    (
      #"A="plan\ted\d""#,
      #".env:1: has a backslash that escapes nothing; write \\ for a backslash, or use single quotes"#
    ),
  ])
  func `a malformed line is named by its number, without what it holds`(text: String, line: String) throws {
    let workspace = try Workspace()
    try workspace.write(text, to: ".env")
    let told = try failureLine { _ = try workspace.configuration() }
    #expect(told == line)
  }

  @Test func `a file that is not UTF-8 is refused`() throws {
    let workspace = try Workspace()
    try workspace.write(Data([0x41, 0x3D, 0xFF]), to: ".env")
    let line = try failureLine { _ = try workspace.configuration() }
    #expect(line == ".env: is not UTF-8; save it as UTF-8")
  }

  @Test func `a link to no file, and an empty folder, are told`() throws {
    let workspace = try Workspace()
    let path = "\(workspace.path)/.env"
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "gone")
    #expect(try failureLine { _ = try workspace.configuration() }.hasPrefix(".env: is a link to no file; "))
    try workspace.write("NAME=value", to: "gone")
    #expect(try DotEnv(in: workspace.process).entries["NAME"]?.value == "value")
    try FileManager.default.removeItem(atPath: path)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(try failureLine { _ = try workspace.configuration() }.hasPrefix(".env: is an empty folder, not a file; "))
  }

  @Test func `a folder named .env is no file`() throws {
    let workspace = try Workspace()
    try workspace.write("", to: ".env/bin/python")
    #expect(try DotEnv(in: workspace.process).entries.isEmpty)
  }
}
