import { html, raw } from 'hono/html';
import { z } from 'zod';

/** The parts of an OpenAPI document that the page shows; read as data, so that the page cannot break the document. */
const schemaSchema = z.record(z.string(), z.unknown());
const contentSchema = z.record(z.string(), z.object({ schema: schemaSchema.optional() }));
const operationSchema = z.object({
  tags: z.array(z.string()).default(['Other']),
  summary: z.string().default(''),
  description: z.string().optional(),
  parameters: z
    .array(
      z.object({
        name: z.string(),
        in: z.string(),
        required: z.boolean().default(false),
        description: z.string().optional(),
      }),
    )
    .default([]),
  requestBody: z.object({ content: contentSchema }).optional(),
  responses: z
    .record(z.string(), z.object({ description: z.string(), content: contentSchema.optional() }))
    .default({}),
});
const documentSchema = z.object({
  info: z.object({ title: z.string(), version: z.string(), description: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.object({ schemas: z.record(z.string(), schemaSchema).default({}) }).default({ schemas: {} }),
});

type Operation = z.output<typeof operationSchema> & { readonly method: string; readonly path: string };
type Html = ReturnType<typeof html>;

/** The API reference: one page, no script, nothing loaded from elsewhere. */
export function docsPage(openApi: object): Html {
  const document = documentSchema.parse(openApi);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => ({ ...operation, method, path })),
  );
  const tags = [...new Set(operations.flatMap((operation) => operation.tags.slice(0, 1)))];
  const ofTag = (tag: string) => operations.filter((operation) => operation.tags[0] === tag);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${document.info.title} – API reference</title>
        <style>
          ${raw(style)}
        </style>
      </head>
      <body>
        <nav aria-label="Sections">
          <strong>${document.info.title}</strong> <small>${document.info.version}</small>
          ${tags.map(
            (tag) =>
              html`<a href="#${anchor(tag)}">${tag}</a>
                <ul>
                  ${ofTag(tag).map(
                    (operation) =>
                      html`<li>
                        <a href="#${anchor(operation.method + operation.path)}">${operation.summary}</a>
                      </li>`,
                  )}
                </ul>`,
          )}
        </nav>
        <main>
          <h1>${document.info.title}</h1>
          <p>${document.info.description}</p>
          <p>The same as data: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
          ${tags.map(
            (tag) =>
              html`<h2 id="${anchor(tag)}">${tag}</h2>
                ${ofTag(tag).map(showOperation)}`,
          )}
          <h2 id="schemas">Schemas</h2>
          ${Object.entries(document.components.schemas).map(
            ([name, schema]) =>
              html`<details id="schema-${name}">
                <summary><code>${name}</code></summary>
                <pre>${pretty(schema)}</pre>
              </details>`,
          )}
        </main>
      </body>
    </html>`;
}

function showOperation(operation: Operation): Html {
  return html`<section id="${anchor(operation.method + operation.path)}">
    <h3>
      <span class="method ${operation.method}">${operation.method.toUpperCase()}</span>
      <code>${operation.path}</code>
    </h3>
    <p>${operation.summary}${operation.description === undefined ? '' : html`. ${operation.description}`}</p>
    ${
      operation.parameters.length === 0
        ? ''
        : html`<table>
            <tr>
              <th>Parameter</th>
              <th>In</th>
              <th>Meaning</th>
            </tr>
            ${operation.parameters.map(
              (parameter) =>
                html`<tr>
                  <td><code>${parameter.name}</code>${parameter.required ? ' *' : ''}</td>
                  <td>${parameter.in}</td>
                  <td>${parameter.description ?? ''}</td>
                </tr>`,
            )}
          </table>`
    }
    ${operation.requestBody === undefined ? '' : showContent('Body', operation.requestBody.content)}
    ${Object.entries(operation.responses).map(([status, response]) =>
      response.content === undefined
        ? html`<p><b>${status}</b> ${response.description}</p>`
        : showContent(`${status} ${response.description}`, response.content),
    )}
  </section>`;
}

function showContent(title: string, content: z.output<typeof contentSchema>): Html {
  return html`${Object.entries(content).map(
    ([type, { schema }]) =>
      html`<details>
        <summary>${title} <small>${type}</small></summary>
        <pre>${pretty(schema ?? {})}</pre>
      </details>`,
  )}`;
}

function pretty(schema: object): string {
  return JSON.stringify(schema, null, 2);
}

function anchor(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}

const style = `
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; display: grid; grid-template-columns: minmax(14rem, 19rem) minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1.5rem 1rem; border-right: 1px solid var(--line); box-sizing: border-box; }
nav > a { display: block; margin-top: 1rem; font-weight: 600; } nav ul { list-style: none; margin: 0; padding: 0 0 0 .75rem; font-size: .9em; }
main { padding: 1.5rem 2.5rem 6rem; max-width: 60rem; } section { border-top: 1px solid var(--line); padding: .5rem 0 1rem; }
a { color: inherit; } h2 { margin-top: 3rem; } h3 { margin-bottom: .25rem; overflow-wrap: anywhere; }
code, pre { font: 13px/1.5 ui-monospace, monospace; } pre { overflow: auto; max-height: 28rem; padding: .75rem; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--line); }
summary { cursor: pointer; padding: .15rem 0; } small { opacity: .65; }
.method { font: 600 12px ui-monospace, monospace; padding: .15rem .45rem; border-radius: 4px; color: #fff; background: #556; }
.method.get { background: #1d6f42; } .method.post { background: #1c5fa8; } .method.patch { background: #8a5a00; } .method.delete { background: #a32a2a; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); } main { padding: 1rem; } }
`;
