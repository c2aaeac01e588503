extension RehearsalPage {
    /// Colours are told apart by lightness, too, and follow the reader's choice of light or dark.
    static let style: Markup = """

        :root { --ground: #f7f8f8; --card: #ffffff; --ink: #17211f; --quiet: #5c6a67; --line: #dfe5e3; --mono: #eef2f1;
          --good: #1f8a5b; --calm: #7fb8d6; --idle: #b4bfbc; --warn: #d9902f; --bad: #c0323f;
          --good-ground: #e3f4eb; --bad-ground: #fbe6e6; --neutral-ground: #eceff1; }
        @media (prefers-color-scheme: dark) {
          :root { --ground: #10161a; --card: #182127; --ink: #e6eceb; --quiet: #97a6a5; --line: #2b363c; --mono: #212c33;
            --good: #45b583; --calm: #5d93b3; --idle: #5d6a6d; --warn: #e2a24c; --bad: #ee6a72;
            --good-ground: #14352a; --bad-ground: #44201f; --neutral-ground: #26323a; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--ink);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
        main { max-width: 980px; margin: 0 auto; padding: 32px 20px 64px; }
        h1 { margin: 0 0 12px; font-size: 30px; line-height: 1.2; overflow-wrap: anywhere; }
        h2 { margin: 0 0 4px; font-size: 19px; }
        h3 { margin: 18px 0 6px; font-size: 15px; }
        h3.bad { color: var(--bad); }
        p { margin: 0 0 10px; }
        code, .message { font: 13px/1.45 ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
        .kind { margin: 0; color: var(--quiet); font-size: 13px; letter-spacing: .06em; text-transform: uppercase; }
        .quiet { color: var(--quiet); }
        .verdict { padding: 12px 16px; border-radius: 8px; border-left: 6px solid var(--idle); background: var(--neutral-ground); }
        .verdict strong { font-size: 18px; margin-right: 6px; }
        .verdict strong::first-letter { text-transform: uppercase; }
        .verdict strong { display: inline-block; }
        .verdict.good { background: var(--good-ground); border-color: var(--good); }
        .verdict.bad { background: var(--bad-ground); border-color: var(--bad); }
        .facts { display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 14px 0 0; }
        .facts dt { color: var(--quiet); font-size: 13px; }
        .facts dd { margin: 0; overflow-wrap: anywhere; }
        .notes { margin: 14px 0 0; padding-left: 18px; color: var(--quiet); }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 22px 0 0; }
        .tile { padding: 12px 14px; border-radius: 8px; background: var(--card); border: 1px solid var(--line); }
        .tile b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; }
        .tile span { color: var(--quiet); font-size: 13px; }
        .tile.bad b { color: var(--bad); } .tile.good b { color: var(--good); } .tile.warn b { color: var(--warn); }
        section:not(.tiles) { margin-top: 18px; padding: 18px 20px; border-radius: 8px; background: var(--card);
          border: 1px solid var(--line); }
        .legend { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; margin: 0 0 12px; padding: 0; font-size: 13px; }
        i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 6px; }
        .row { display: grid; grid-template-columns: 140px 1fr; gap: 14px; align-items: start; margin-bottom: 12px; }
        .row .name { font-weight: 600; line-height: 28px; }
        .row .name .quiet { display: block; font-weight: 400; font-size: 13px; line-height: 1.2; }
        .bar { display: block; width: 100%; height: 28px; border-radius: 4px; background: var(--mono); }
        .bar.thin { height: 12px; min-width: 90px; }
        .parts { margin: 4px 0 0; font-size: 13px; color: var(--quiet); }
        .parts span { margin-right: 12px; white-space: nowrap; }
        .s-good { background: var(--good); fill: var(--good); } .s-calm { background: var(--calm); fill: var(--calm); }
        .s-idle { background: var(--idle); fill: var(--idle); } .s-warn { background: var(--warn); fill: var(--warn); }
        .s-bad { background: var(--bad); fill: var(--bad); }
        .scroll { overflow-x: auto; }
        table { width: 100%; border-collapse: collapse; }
        th { text-align: left; font-weight: 600; font-size: 13px; color: var(--quiet); }
        td, th { padding: 7px 10px 7px 0; vertical-align: top; border-bottom: 1px solid var(--line); }
        tbody tr:last-child td { border-bottom: 0; }
        td:last-child, th:last-child { padding-right: 0; }
        .n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; width: 1%; padding-right: 16px; }
        .errors { table-layout: fixed; }
        .errors .n { width: 84px; }
        .share { width: 150px; padding-top: 12px; }
        .tag { display: inline-block; padding: 0 7px; border-radius: 9px; background: var(--mono); color: var(--quiet);
          font-size: 12px; white-space: nowrap; }
        details summary { cursor: pointer; color: var(--quiet); font-size: 13px; width: fit-content; }
        .examples { margin: 4px 0 6px; padding-left: 18px; }
        .examples .message { display: block; background: var(--mono); border-radius: 4px; padding: 3px 7px; }
        .examples .message:empty { display: none; }
        .examples b { overflow-wrap: anywhere; }
        @media (max-width: 560px) { .row { grid-template-columns: 1fr; gap: 2px; } .share { display: none; }
          .errors .n { width: 62px; } }

        """
}
