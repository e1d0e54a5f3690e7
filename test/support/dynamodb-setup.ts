import type { TestProject } from 'vitest/node';
import { startDynoxide } from './dynoxide-process.ts';

/** Where tests find a DynamoDB, or why there is none. */
export type DynamoDbPlace = { readonly endpoint: string } | { readonly missing: string };

declare module 'vitest' {
  export interface ProvidedContext {
    readonly dynamodb: DynamoDbPlace;
  }
}

/** Once a test run: the endpoint in DYNAMODB_ENDPOINT, else a DynamoDB of our own. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env['DYNAMODB_ENDPOINT'];
  if (given !== undefined && given !== '') {
    project.provide('dynamodb', { endpoint: given });
    return undefined;
  }
  const own = await startDynoxide();
  if (own === undefined) {
    const missing =
      `not run: there is no local DynamoDB for ${process.platform}-${process.arch}; ` +
      'set DYNAMODB_ENDPOINT to one, such as http://127.0.0.1:8000';
    console.warn(`Tests on DynamoDB are ${missing}`);
    project.provide('dynamodb', { missing });
    return undefined;
  }
  project.provide('dynamodb', { endpoint: own.endpoint });
  return () => own.stop();
}
