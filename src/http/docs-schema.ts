import { html } from 'hono/html';
import { isJsonObject } from '../kernel/json.ts';

export type Html = ReturnType<typeof html>;
export type Schema = Readonly<Record<string, unknown>>;

const deepest = 6;

/** The members of a schema as rows, those of objects within with dotted names: `prices[].meter`. */
export function membersTable(schema: Schema): Html {
  const rows = [...membersOf(schema, '', 0)];
  if (rows.length === 0) return html`<p class="type">${typeOf(schema)} ${meaningOf(schema)}</p>`;
  const bases = alternativesOf(schema).filter((option) => typeof option['$ref'] === 'string');
  return html`${bases.map((base) => html`<p>All of ${typeOf(base)}, and:</p>`)}
    <table>
      ${rows.map(
        ({ name, isRequired, member }) =>
          html`<tr>
            <td><code>${name}</code>${isRequired ? html`<b title="required"> *</b>` : ''}</td>
            <td>${typeOf(member)}</td>
            <td>${meaningOf(member)}</td>
          </tr>`,
      )}
    </table>`;
}

interface Row {
  readonly name: string;
  readonly isRequired: boolean;
  readonly member: Schema;
}

function* membersOf(schema: Schema, prefix: string, depth: number): Generator<Row> {
  if (depth > deepest) return;
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  for (const [name, member] of Object.entries(asSchema(schema['properties']))) {
    const own = asSchema(member);
    yield { name: prefix + name, isRequired: required.includes(name), member: own };
    yield* membersOf(own, `${prefix}${name}.`, depth + 1);
  }
  if (schema['items'] !== undefined)
    yield* membersOf(asSchema(schema['items']), `${prefix.replace(/\.$/, '')}[].`, depth + 1);
  for (const option of alternativesOf(schema)) yield* membersOf(option, prefix, depth + 1);
}

/** In a few words: `string`, `Provider[]`, `active | suspended`, `map of string`. */
export function typeOf(schema: Schema): Html {
  const ref = schema['$ref'];
  if (typeof ref === 'string') {
    const name = ref.slice(ref.lastIndexOf('/') + 1);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  if ('const' in schema) return html`<code>${JSON.stringify(schema['const'])}</code>`;
  if (Array.isArray(schema['enum']))
    return html`${schema['enum'].map((value, index) => html`${index === 0 ? '' : ' | '}<code>${String(value)}</code>`)}`;
  const alternatives = alternativesOf(schema);
  if (alternatives.length > 0)
    return html`${alternatives.map((option, index) => html`${index === 0 ? '' : ' | '}${typeOf(option)}`)}`;
  if (schema['type'] === 'array') {
    const items = asSchema(schema['items']);
    return alternativesOf(items).length > 1 ? html`(${typeOf(items)})[]` : html`${typeOf(items)}[]`;
  }
  if (
    schema['type'] === 'object' &&
    schema['properties'] === undefined &&
    isJsonObject(schema['additionalProperties'])
  )
    return html`map of ${typeOf(asSchema(schema['additionalProperties']))}`;
  const type = Array.isArray(schema['type']) ? schema['type'].join(' | ') : schema['type'];
  return html`${typeof type === 'string' ? type : 'any'}`;
}

function meaningOf(schema: Schema): Html {
  const notes = [
    'format',
    'pattern',
    'minimum',
    'maximum',
    'minLength',
    'maxLength',
    'minItems',
    'maxItems',
    'default',
  ]
    .filter(
      (name) => schema[name] !== undefined && Math.abs(Number(schema[name])) !== Number.MAX_SAFE_INTEGER,
    )
    .map((name) => html` <small>${name} <code>${plain(schema[name])}</code></small>`);
  const example = schema['example'];
  return html`${typeof schema['description'] === 'string' ? inline(schema['description']) : ''}
  ${example === undefined ? '' : html`<small>such as <code>${plain(example)}</code></small>`}${notes}`;
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What is between backticks is code, as everywhere in our descriptions. */
export function inline(text: string): Html {
  return html`${text.split('`').map((part, index) => (index % 2 === 0 ? part : html`<code>${part}</code>`))}`;
}

function alternativesOf(schema: Schema): readonly Schema[] {
  return ['oneOf', 'anyOf', 'allOf'].flatMap((name) => {
    const options = schema[name];
    return Array.isArray(options) ? options.map(asSchema) : [];
  });
}

function asSchema(value: unknown): Schema {
  return isJsonObject(value) ? value : {};
}
