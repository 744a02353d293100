import Backfill
import Foundation
import TestSupport
import Testing

/// The page of a run and the report, in a real browser.
@Suite(.enabled(if: Helper.chromium.isUsable, "\(Helper.chromium.missing)"))
struct PageTests {
  /// What Chromium makes of a URL: its document once its script has run for some seconds of virtual time, what it complains
  /// of, and the size of its picture in bytes.
  private static func render(
    _ url: String, width: Int, dark: Bool, _ flags: [String] = [], takesPicture: Bool = true
  ) async throws -> (document: String, complaints: [Substring], bytes: Int) {
    let folder = try TemporaryFolder()
    let picture = folder.file("page.png")
    let common =
      [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        "--enable-logging=stderr", "--user-data-dir=\(folder.file("profile"))", "--window-size=\(width),1000",
        "--blink-settings=preferredColorScheme=\(dark ? 0 : 1)", "--virtual-time-budget=5000",
      ] + flags
    let dom = try await Command.run(common + ["--dump-dom", url])
    let complaints = dom.errors.split(separator: "\n").filter { $0.contains("CONSOLE") }
    guard takesPicture else { return (dom.output, complaints, 0) }
    _ = try await Command.run(common + ["--screenshot=\(picture)", url])
    let size = try FileManager.default.attributesOfItem(atPath: picture)[.size] as? Int
    return (dom.output, complaints, size ?? 0)
  }

  @Test(arguments: [(400, false), (1_400, true)])
  func `a run's page shows how far it is, and renews itself`(_ width: Int, _ dark: Bool) async throws {
    try await WatchedRunTests.held { scene, _, root, _ in
      let page = try await Self.render(root + "/", width: width, dark: dark)
      #expect(page.complaints == [])
      #expect(page.document.contains("of 26 rows"), "\(page.document)")
      #expect(page.document.contains("chat_messages"))
      #expect(!page.document.contains("can't be reached"))
      #expect(!page.document.contains("text 1"))
      #expect(page.bytes > 15_000)
      // The script says so once it has put what was new into the page.
      #expect(page.document.contains("Renewed every 2 s."))
    }
  }

  @Test func `what a page complains of is seen, and a blank one is small`() async throws {
    let folder = try TemporaryFolder()
    try Data("<script>console.error('complaint')</script>".utf8).write(
      to: URL(fileURLWithPath: folder.file("page.html")))
    let page = try await Self.render("file://\(folder.file("page.html"))", width: 1_400, dark: false)
    #expect(page.complaints.count == 1, "\(page)")
    #expect((1..<15_000).contains(page.bytes))
  }

  @Test func `the report is one file that fits a narrow and a wide window`() async throws {
    try await Scene.run(.sqlite) { scene in
      let name = "<img src=x onerror=console.error(1)>"
      try scene.write(spec: "name: \"\(name)\"\n" + scene.spec)
      try await scene.database.insert((0..<60).map { "text \($0)" } + [String(repeating: "word ", count: 40_000)])
      #expect(try await scene.fill().code == 83)
      try await scene.database.insert((0..<25).map { "later \($0)" })
      #expect(try await scene.fill().code == 0)
      let report = scene.folder.file("run.html")
      let exit = try await scene.start(["report", report]).exit()
      #expect(exit.code == 0, "\(exit.errors)")
      let text = try String(contentsOfFile: report, encoding: .utf8)
      #expect(
        !text.contains("<script") && !text.contains("<img") && !text.contains("http://") && !text.contains("https://"))
      #expect(!text.contains("word word") && !text.contains("text 1"))
      #expect(text.contains("too long for the model"))
      #expect(text.contains("60 rows") || text.contains("25 rows written"), "\(text)")
      for width in [400, 1_400] {
        let page = try await Self.render("file://\(report)", width: width, dark: width == 400)
        #expect(page.complaints == [])
        #expect(page.bytes > 15_000)
        let frame = scene.folder.file("frame.html")
        let html = """
          <iframe id="f" src="run.html" width="\(width)" height="900" style="border: 0"
            onload="document.title = 'wide ' + f.contentDocument.documentElement.scrollWidth"></iframe>
          """
        try Data(html.utf8).write(to: URL(fileURLWithPath: frame))
        let framed = try await Self.render(
          "file://\(frame)", width: 1_600, dark: false, ["--allow-file-access-from-files"], takesPicture: false)
        let wide = try #require(framed.document.firstMatch(of: /wide (\d+)/), "\(framed.document.prefix(300))")
        #expect(Int(wide.1).map { $0 <= width } == true, "\(wide.1) in \(width)")
      }
      let unknown = try await scene.start(["report", report, "nobody"]).exit()
      #expect(unknown.code == 64 && unknown.errors.contains("job nobody"), "\(unknown.errors)")
      let unwritable = try await scene.start(["report", "/nowhere/run.html"]).exit()
      #expect(unwritable.code == 74, "\(unwritable.errors)")
    }
  }
}
