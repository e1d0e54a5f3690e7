import { describe, expect, inject, it } from 'vitest';

const place = inject('dynamodb');

/** `undefined` where there is no DynamoDB: then a file's tests on it are shown as skipped, with the reason. */
export const dynamoDbEndpoint = 'endpoint' in place ? place.endpoint : undefined;

if ('missing' in place) showSkipped(place.missing);

function showSkipped(why: string): void {
  describe.skipIf(dynamoDbEndpoint === undefined)(`on dynamodb: ${why}`, () => {
    it('runs', () => expect(dynamoDbEndpoint).toBeDefined());
  });
}
