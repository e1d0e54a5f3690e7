import {
  CreateEventBusCommand,
  EventBridgeClient,
  type InputTransformer,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';

export const region = 'eu-central-1';
export const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** Set by `scripts/test-eventbridge.sh`. */
export function endpoint(): string {
  const url = process.env['EVENTBRIDGE_TEST_ENDPOINT'];
  if (url === undefined) throw new Error('run these tests with scripts/test-eventbridge.sh');
  return url;
}

export const eventBridge = new EventBridgeClient({ region, endpoint: endpoint(), credentials });

export interface Queue {
  readonly url: string;
  readonly arn: string;
  /** Bodies, in the order in which they came; at least `count`. Takes them out. */
  receive(count: number): Promise<readonly string[]>;
}

/** A call of the SQS API (AWS JSON 1.0). The simulator reads the region from the credential and checks nothing else. */
async function sqs<T>(action: string, body: object): Promise<T> {
  const response = await fetch(endpoint(), {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `AmazonSQS.${action}`,
      authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${action}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** `name.fifo` keeps order within a group. */
export async function createQueue(name: string): Promise<Queue> {
  const fifo = name.endsWith('.fifo') ? { FifoQueue: 'true', ContentBasedDeduplication: 'true' } : {};
  const { QueueUrl: url } = await sqs<{ QueueUrl: string }>('CreateQueue', {
    QueueName: name,
    Attributes: fifo,
  });
  const { Attributes } = await sqs<{ Attributes: { QueueArn: string } }>('GetQueueAttributes', {
    QueueUrl: url,
    AttributeNames: ['QueueArn'],
  });

  async function take(): Promise<readonly string[]> {
    const { Messages = [] } = await sqs<{
      Messages?: readonly { readonly Body: string; readonly ReceiptHandle: string }[];
    }>('ReceiveMessage', { QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 });
    for (const { ReceiptHandle } of Messages) await sqs('DeleteMessage', { QueueUrl: url, ReceiptHandle });
    return Messages.map(({ Body }) => Body);
  }

  return {
    url,
    arn: Attributes.QueueArn,
    receive: async (count) => {
      const bodies: string[] = [];
      for (let looks = 0; bodies.length < count && looks < 20; looks++) bodies.push(...(await take()));
      return bodies;
    },
  };
}

export async function createBus(name: string): Promise<void> {
  await eventBridge.send(new CreateEventBusCommand({ Name: name }));
}

export async function addRule(options: {
  readonly bus: string;
  readonly pattern: object;
  readonly queue: Queue;
  readonly transformer?: InputTransformer;
}): Promise<void> {
  const name = `rule-${options.queue.arn.split(':').at(-1)?.replace('.fifo', '')}`;
  await eventBridge.send(
    new PutRuleCommand({
      Name: name,
      EventBusName: options.bus,
      EventPattern: JSON.stringify(options.pattern),
    }),
  );
  await eventBridge.send(
    new PutTargetsCommand({
      Rule: name,
      EventBusName: options.bus,
      Targets: [
        {
          Id: 'queue',
          Arn: options.queue.arn,
          ...(options.queue.arn.endsWith('.fifo') ? { SqsParameters: { MessageGroupId: 'all' } } : {}),
          ...(options.transformer === undefined ? {} : { InputTransformer: options.transformer }),
        },
      ],
    }),
  );
}
