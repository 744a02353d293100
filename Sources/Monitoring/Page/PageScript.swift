/// Puts what is new into the page every 2 s; without it the page is as it was when it was loaded.
enum PageScript {
  static let js = """
    "use strict";
    const main = document.querySelector("main");
    const told = document.getElementById("connection");
    let failures = 0;
    async function look() {
      try {
        const answer = await fetch("/now", { cache: "no-store" });
        if (!answer.ok) throw new Error();
        const text = await answer.text();
        // What somebody has marked to copy stays.
        if (getSelection().isCollapsed) main.innerHTML = text;
        failures = 0;
        told.textContent = "Renewed every 2 s.";
      } catch {
        failures += 1;
        if (failures > 1) told.textContent = "The run has ended, or can't be reached: this is how it was last.";
      }
      setTimeout(look, failures > 5 ? 10000 : 2000);
    }
    setTimeout(look, 2000);
    """
}
