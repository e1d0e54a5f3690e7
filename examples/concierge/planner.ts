import { type StreamResponse, TaskState, taskStateToJSON } from '@a2a-js/sdk';
import type { Skill } from '../company/agent.ts';
import { dataOf, request, textOf } from '../company/messages.ts';
import { runCompany } from '../company/run-company.ts';
import { writeLine } from '../company/write-line.ts';

const wish =
  /from\s+(?<from>[\p{L} ]{2,40}?)\s+to\s+(?<to>[\p{L} ]{2,40}?)\s+on\s+(?<date>\d{4}-\d{2}-\d{2})/iu;

/** Understands "… from Berlin to Lisbon on 2027-03-14", has the flight booked elsewhere, and passes progress on live. */
const plan: Skill = async ({ message, reply, connect }) => {
  const trip = wish.exec(textOf(message.parts))?.groups;
  if (trip === undefined) throw new Error('Tell me: from PLACE to PLACE on YYYY-MM-DD.');
  const flights = await connect('skyways/flights');
  let booking: Readonly<Record<string, unknown>> | undefined;
  let end: TaskState | undefined;
  const asked = performance.now();
  for await (const { payload } of flights.sendMessageStream(
    request('Book the cheapest flight', { ...trip }),
  )) {
    const afterMs = Math.round(performance.now() - asked);
    writeLine({ streamed: { from: 'skyways/flights', afterMs, ...factsOf(payload) } });
    if (payload?.$case === 'statusUpdate') {
      const { state = TaskState.TASK_STATE_UNSPECIFIED, message: progress } = payload.value.status ?? {};
      if (state === TaskState.TASK_STATE_WORKING)
        reply.status(state, `Skyways: ${textOf(progress?.parts ?? [])}`);
      else end = state;
    }
    if (payload?.$case === 'artifactUpdate' && payload.value.artifact?.name === 'booking')
      booking = dataOf(payload.value.artifact.parts);
  }
  if (booking === undefined || end !== TaskState.TASK_STATE_COMPLETED)
    throw new Error('The flight could not be booked.');
  reply.artifact('itinerary', { ...trip, booking });
  return { summary: `Your flight from ${trip['from']} to ${trip['to']} is booked.`, used: 1 };
};

/** What one event of the stream says, for those who watch. */
function factsOf(payload: StreamResponse['payload']): Readonly<Record<string, string>> {
  switch (payload?.$case) {
    case 'task':
    case 'statusUpdate': {
      const { state = TaskState.TASK_STATE_UNSPECIFIED, message } = payload.value.status ?? {};
      return { event: payload.$case, what: taskStateToJSON(state), text: textOf(message?.parts ?? []) };
    }
    case 'artifactUpdate': {
      const { name = '', parts = [] } = payload.value.artifact ?? {};
      return { event: payload.$case, what: name, text: JSON.stringify(dataOf(parts)) };
    }
    default:
      return { event: payload?.$case ?? 'none', what: '', text: '' };
  }
}

await runCompany(
  {
    id: 'concierge',
    name: 'Concierge Travel',
    agent: {
      id: 'planner',
      name: 'Concierge planner',
      description: 'Plans a trip from one sentence, with the help of other companies’ agents.',
      streaming: true,
      skill: { id: 'plan', description: 'Plan and book a trip', tags: ['travel', 'assistant'] },
    },
    meter: { key: 'itineraries', unit: 'itinerary' },
  },
  plan,
);
