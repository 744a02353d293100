/// How the page and the report look, light and dark, on any width.
enum PageStyle {
  static let css = """
    :root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1b1f24; --soft: #59626d; --line: #d5dae0;
      --main: #0b62c4; --fill: #0b62c41f; --bad: #b3261e; --badfill: #b3261e14; --good: #1a7f37; }
    @media (prefers-color-scheme: dark) { :root { --back: #121518; --card: #1b2025; --text: #e9ecef; --soft: #a5afba;
      --line: #39424c; --main: #6cb2ff; --fill: #6cb2ff29; --bad: #ff8f86; --badfill: #ff8f861f; --good: #63d384; } }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.45 system-ui, sans-serif; }
    main, footer { max-width: 1280px; margin: 0 auto; padding: 16px; }
    h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
    h2 { font-size: 1.05rem; margin: 0 0 8px; }
    header p { margin: 4px 0; color: var(--soft); overflow-wrap: anywhere; }
    .state { display: inline-block; margin: 8px 0; padding: 3px 12px; border: 1px solid var(--line); border-radius: 16px;
      background: var(--card); overflow-wrap: anywhere; }
    .state.bad { color: var(--bad); border-color: var(--bad); }
    .state.good { color: var(--good); border-color: var(--good); }
    .rows { font-size: 1.15rem; margin: 12px 0 6px; }
    svg.bar { display: block; width: 100%; height: 14px; border-radius: 7px; }
    .track { fill: var(--line); } .done { fill: var(--main); }
    .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(46%, 210px), 1fr)); gap: 10px; margin: 16px 0; }
    .tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; min-width: 0; }
    .tile dt { color: var(--soft); font-size: .85rem; }
    .tile dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
    .tile small { display: block; font-size: .8rem; color: var(--soft); }
    .tile.alarm dd { color: var(--bad); } .tile.alarm { background: var(--badfill); }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 10px; }
    figure, section { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; min-width: 0; }
    section { margin-top: 10px; }
    figcaption, .axis { display: flex; justify-content: space-between; gap: 8px; flex-wrap: wrap; font-variant-numeric: tabular-nums; }
    figure svg { display: block; width: 100%; height: 120px; margin: 6px 0; }
    .axis { color: var(--soft); font-size: .8rem; }
    .line { fill: none; stroke: var(--main); stroke-width: 2; vector-effect: non-scaling-stroke; }
    .area { fill: var(--fill); } rect.bar { fill: var(--main); }
    .grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
    .limit { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 6 4; vector-effect: non-scaling-stroke; }
    .scroll { overflow-x: auto; }
    table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
    th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
    th { color: var(--soft); font-weight: 600; white-space: nowrap; } tr:last-child td { border-bottom: 0; }
    .n { text-align: right; white-space: nowrap; }
    .note, footer { color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
    .note { margin: 8px 0 0; }
    @media (max-width: 700px) {
      .stack thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
      .stack tr { display: block; padding: 6px 0; border-bottom: 1px solid var(--line); }
      .stack tr:last-child { border-bottom: 0; }
      .stack td { display: block; padding: 1px 0; border: 0; text-align: left; white-space: normal; overflow-wrap: anywhere; }
      .stack td::before { content: attr(data-name) ": "; color: var(--soft); }
    }
    """
}
