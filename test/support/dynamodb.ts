import { describe, inject, it } from 'vitest';

const place = inject('dynamodb');

/** `undefined` where there is no DynamoDB: then a file's tests on it are shown as skipped, with the reason. */
export const dynamoDbEndpoint = 'endpoint' in place ? place.endpoint : undefined;

if ('missing' in place)
  describe.skip(`on dynamodb: ${place.missing}`, () => {
    it('runs', () => undefined);
  });
