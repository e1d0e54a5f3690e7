/** `tsx scripts/event-schemas.ts`: writes `docs/events/{type}.json` and the table of `docs/events/README.md`. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { eventDocuments, eventsDirectory } from './event-documents.ts';

const documents = eventDocuments();
for (const file of readdirSync(eventsDirectory))
  if (file.endsWith('.json')) rmSync(`${eventsDirectory}/${file}`);
for (const [file, text] of documents) writeFileSync(`${eventsDirectory}/${file}`, text);
