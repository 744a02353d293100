import ArgumentParser
import Configuration
import Testing

@testable import vecfill

struct ConfigurationOptionsTests {
  @Test(arguments: Parameter.allCases)
  func `exactly the parameters that have a flag can be given as that flag`(parameter: Parameter) throws {
    guard let flag = parameter.definition.flag else {
      let name = "--" + parameter.rawValue.replacing(".", with: "-").replacing("_", with: "-")
      #expect(throws: (any Error).self) { try ConfigurationOptions.parse([name, "value"]) }
      return
    }
    #expect(try ConfigurationOptions.parse([flag, "value"]).flags == [parameter: "value"])
  }

  @Test func `no flag means no value`() throws {
    #expect(try ConfigurationOptions.parse([]).flags.isEmpty)
  }
}
