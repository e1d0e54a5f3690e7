/** Of the API reference; light or dark as the reader's system is. */
export const docsStyle = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 16%, transparent); --soft: color-mix(in srgb, currentColor 6%, transparent); --accent: #1c5fa8; }
@media (prefers-color-scheme: dark) { :root { --accent: #8ab8ee; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; display: grid; grid-template-columns: 19rem minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1.5rem 1rem 3rem 1.25rem; border-right: 1px solid var(--line); font-size: 14px; line-height: 1.35; }
nav a { color: inherit; text-decoration: none; } nav a:hover { text-decoration: underline; }
nav .section { display: block; margin-top: 1.1rem; font-weight: 600; } nav ul { list-style: none; margin: .3rem 0 0; padding: 0; } nav li { padding: .15rem 0 .15rem .75rem; border-left: 2px solid var(--line); }
main { padding: 1.5rem 2.5rem 6rem; max-width: 64rem; }
a { color: var(--accent); }
h2 { margin: 3.5rem 0 .25rem; font-size: 1.6rem; } h2 + p { margin-top: 0; } h3 { margin: 0 0 .25rem; font-size: 1.1rem; overflow-wrap: anywhere; } h3 code { font-size: 15px; font-weight: 600; }
section { border-top: 1px solid var(--line); padding: 1.25rem 0 1rem; scroll-margin-top: 0; } section:target { background: linear-gradient(90deg, var(--soft), transparent); }
p { margin: .5rem 0; } .address { overflow-wrap: anywhere; } .answer { margin: .25rem 0; }
code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
p code, td code { background: var(--soft); border-radius: 3px; padding: 0 .2em; } .address code { background: none; font-size: 14px; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 .75rem; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); } th { font-weight: 600; }
table { table-layout: fixed; } th:nth-child(1), td:nth-child(1) { width: 27%; } td:nth-child(2) { width: 22%; } .parameters th:nth-child(2) { width: 9%; } .parameters th:nth-child(3) { width: 20%; } .refusals td:nth-child(1) { width: 4rem; } .refusals td:nth-child(2) { width: auto; } .refusals td:nth-child(3) { width: 14rem; } td b { white-space: nowrap; }
details { margin: .25rem 0; } summary { cursor: pointer; padding: .15rem 0; } details > table, details > p { margin-left: 1.1rem; width: calc(100% - 1.1rem); }
small { opacity: .7; font-size: 12.5px; }
.method { font: 600 12px ui-monospace, monospace; padding: .15rem .45rem; border-radius: 4px; color: #fff; background: #556; margin-right: .35rem; }
.method.get { background: #1d6f42; } .method.post { background: #1c5fa8; } .method.patch { background: #8a5a00; } .method.delete { background: #a32a2a; }
@media (max-width: 54rem) { body { display: block; } nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); padding: 1rem; } nav ul { display: none; } nav .section { display: inline-block; margin: .4rem .8rem 0 0; } nav strong { display: block; } nav small { display: none; } main { padding: 1rem; } table { table-layout: auto; } }
`;
