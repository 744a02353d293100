import ArgumentParser
import Configuration
import Testing

@testable import vecfill

struct JobOptionsTests {
  @Test(arguments: Parameter.allCases)
  func `exactly the parameters that have a flag can be given as that flag`(parameter: Parameter) throws {
    guard let flag = parameter.definition.flag else {
      let name = "--" + parameter.rawValue.replacing(".", with: "-").replacing("_", with: "-")
      #expect(throws: (any Error).self) { try JobOptions.parse(["job.yaml", name, "value"]) }
      return
    }
    #expect(try JobOptions.parse(["job.yaml", flag, "value"]).flags == [parameter: "value"])
  }

  @Test func `no flag means no value`() throws {
    #expect(try JobOptions.parse(["job.yaml"]).flags.isEmpty)
  }
}
