import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventDocuments, eventsDirectory } from '../../scripts/event-documents.ts';
import { eventTypes, jsonSchemaOf } from '../../src/events/json-schema.ts';

interface Schema {
  readonly properties: {
    readonly data: {
      readonly properties: Readonly<Record<string, object>>;
      readonly additionalProperties?: boolean;
    };
  };
}

describe('the catalogue of events', () => {
  it('is what docs/events says; if this fails, run `npx tsx scripts/event-schemas.ts`', () => {
    const documents = eventDocuments();
    const there = readdirSync(eventsDirectory).map((file) => [
      file,
      readFileSync(`${eventsDirectory}/${file}`, 'utf8'),
    ]);
    expect(Object.fromEntries(there)).toEqual(Object.fromEntries(documents));
  });

  it.each(eventTypes)('%s: named, versioned, open for more members', (type) => {
    expect(type).toMatch(/^[a-z]+\.[a-z]+(?:-[a-z]+)*\.v[1-9]\d*$/);
    const { properties } = jsonSchemaOf(type) as Schema;
    expect(properties.data.additionalProperties).toBeUndefined();
    expect(Object.keys(properties.data.properties).length).toBeGreaterThan(0);
  });

  it.each(eventTypes)('%s carries nothing that people wrote, and no address or key', (type) => {
    const { properties } = jsonSchemaOf(type) as Schema;
    for (const name of Object.keys(properties.data.properties))
      expect(name).not.toMatch(
        /name|reason$|text|mail|contact|url|uri|jwk|key|token|secret|subject|user|resource/i,
      );
  });
});
