import { html, raw } from 'hono/html';
import { z } from 'zod';
import { type Html, inline, membersTable, type Schema, typeOf } from './docs-schema.ts';
import { docsStyle } from './docs-style.ts';

/** The parts of an OpenAPI document that the page shows; read as data, so that the page cannot break the document. */
const schemaSchema = z.record(z.string(), z.unknown());
const contentSchema = z.record(z.string(), z.object({ schema: schemaSchema.default({}) })).default({});
const operationSchema = z.object({
  operationId: z.string().optional(),
  tags: z.array(z.string()).default(['Other']),
  summary: z.string().default(''),
  description: z.string().optional(),
  security: z.array(z.unknown()).optional(),
  parameters: z
    .array(
      z.object({
        name: z.string(),
        in: z.string(),
        required: z.boolean().default(false),
        description: z.string().default(''),
        schema: schemaSchema.default({}),
      }),
    )
    .default([]),
  requestBody: z.object({ content: contentSchema, required: z.boolean().default(false) }).optional(),
  responses: z.record(z.string(), z.object({ description: z.string(), content: contentSchema })).default({}),
});
const documentSchema = z.object({
  info: z.object({ title: z.string(), version: z.string(), description: z.string() }),
  tags: z.array(z.object({ name: z.string(), description: z.string() })).default([]),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.object({ schemas: z.record(z.string(), schemaSchema).default({}) }).default({ schemas: {} }),
});

type Operation = z.output<typeof operationSchema> & {
  readonly method: string;
  readonly path: string;
  /** Where on the page it is. */
  readonly anchor: string;
};

/** The API reference: one page, no script, nothing loaded from elsewhere. */
export function docsPage(openApi: object): Html {
  const document = documentSchema.parse(openApi);
  const { info, components } = document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Operation => ({
      ...operation,
      method,
      path,
      anchor: operation.operationId ?? `${method}${path}`.replaceAll(/[^A-Za-z0-9]+/g, '-'),
    })),
  );
  const described = new Map(document.tags.map(({ name, description }) => [name, description]));
  const sections = [...new Set([...described.keys(), ...operations.flatMap(({ tags }) => tags.slice(0, 1))])]
    .map((tag) => ({ tag, own: operations.filter(({ tags }) => tags[0] === tag) }))
    .filter(({ own }) => own.length > 0);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title} – API reference</title>
        <style>
          ${raw(docsStyle)}
        </style>
      </head>
      <body>
        <nav aria-label="Sections">
          <strong>${info.title}</strong> <small>${info.version}</small>
          ${sections.map(
            ({ tag, own }) =>
              html`<a class="section" href="#section-${tag.toLowerCase()}">${tag}</a>
                <ul>
                  ${own.map(({ anchor, summary }) => html`<li><a href="#${anchor}">${summary}</a></li>`)}
                </ul>`,
          )}
          <a class="section" href="#section-schemas">Schemas</a>
        </nav>
        <main>
          <h1>${info.title}</h1>
          <p>${info.description}</p>
          <p>The same as data: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
          ${sections.map(
            ({ tag, own }) =>
              html`<h2 id="section-${tag.toLowerCase()}">${tag}</h2>
                <p>${inline(described.get(tag) ?? '')}</p>
                ${own.map(showOperation)}`,
          )}
          <h2 id="section-schemas">Schemas</h2>
          ${Object.entries(components.schemas).map(
            ([name, schema]) =>
              html`<section id="schema-${name}">
                <h3><code>${name}</code></h3>
                ${membersTable(schema)}
              </section>`,
          )}
        </main>
      </body>
    </html>`;
}

function showOperation(operation: Operation): Html {
  const { anchor, method, path, summary, description, parameters, requestBody } = operation;
  const answers = Object.entries(operation.responses).map(([status, answer]) => ({ status, ...answer }));
  return html`<section id="${anchor}">
    <h3>${summary}</h3>
    <p class="address">
      <span class="method ${method}">${method.toUpperCase()}</span> <code>${path}</code>
      ${operation.security?.length === 0 ? html`<small>public</small>` : ''}
    </p>
    ${description === undefined ? '' : html`<p>${inline(description)}</p>`}
    ${parameters.length === 0 ? '' : parametersTable(parameters)}
    ${requestBody === undefined ? '' : showContent(requestBody.required ? 'Body' : 'Body, optional', requestBody.content)}
    ${answers
      .filter(({ status }) => status < '400')
      .map(({ status, description: meaning, content }) =>
        showContent(html`<b>${status}</b> ${inline(meaning)}`, content),
      )}
    ${showRefusals(answers.filter(({ status }) => status >= '400'))}
  </section>`;
}

function parametersTable(parameters: Operation['parameters']): Html {
  return html`<table class="parameters">
    <tr>
      <th>Parameter</th>
      <th>In</th>
      <th>Type</th>
      <th>Meaning</th>
    </tr>
    ${parameters.map(
      ({ name, required, schema, description, ...rest }) =>
        html`<tr>
          <td><code>${name}</code>${required ? html`<b title="required"> *</b>` : ''}</td>
          <td>${rest.in}</td>
          <td>${typeOf(schema)}</td>
          <td>${inline(description)}</td>
        </tr>`,
    )}
  </table>`;
}

/** What each content type holds; nothing but the title where there is none. */
function showContent(
  title: Html | string,
  content: Readonly<Record<string, { readonly schema: Schema }>>,
): Html {
  const entries = Object.entries(content);
  if (entries.length === 0) return html`<p class="answer">${title}</p>`;
  return html`${entries.map(
    ([type, { schema }]) =>
      html`<details>
        <summary>${title} <small>${type}</small></summary>
        ${membersTable(schema)}
      </details>`,
  )}`;
}

/** Most operations share them, so they take one line until somebody looks. */
function showRefusals(
  refusals: readonly { readonly status: string; readonly description: string; readonly content: object }[],
): Html | string {
  if (refusals.length === 0) return '';
  return html`<details>
    <summary>Refused with <small>${refusals.map(({ status }) => status).join(' ')}</small></summary>
    <table class="refusals">
      ${refusals.map(
        ({ status, description, content }) =>
          html`<tr>
            <td><b>${status}</b></td>
            <td>${inline(description)}</td>
            <td><small>${Object.keys(content).join(', ')}</small></td>
          </tr>`,
      )}
    </table>
  </details>`;
}
