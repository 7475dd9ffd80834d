import { describe, expect, test } from 'vitest';
import { Fault } from '../../core/fault.ts';
import type { RecordBatch } from '../../core/runs.ts';
import { Recorder } from '../../workers/recorder.ts';

function recorderWith(answer: (batch: RecordBatch, call: number) => void) {
  const batches: RecordBatch[] = [];
  const lost: Fault[] = [];
  let calls = 0;
  const recorder = new Recorder(
    {
      records: async (batch) => {
        calls += 1;
        answer(batch, calls);
        batches.push(batch);
      },
    },
    (fault) => lost.push(fault),
  );
  return { recorder, batches, lost };
}

const outputOf = (batches: RecordBatch[]) =>
  batches.flatMap((batch) => batch.records.flatMap((record) => (record.type === 'output' ? [record.text] : []))).join('');

describe('the recorder', () => {
  test('sends in order, in batches of about 64 KB, and drains', async () => {
    const { recorder, batches } = recorderWith(() => {});
    const lines = Array.from({ length: 3_000 }, (_, n) => `line ${n} ${'x'.repeat(80)}\n`);
    for (const text of lines) recorder.record({ type: 'output', index: 0, stream: 'stdout', text });
    await recorder.drain();
    expect(outputOf(batches)).toBe(lines.join(''));
    expect(batches.map((batch) => batch.seq)).toEqual(batches.map((_, at) => at + 1));
    expect(Math.max(...batches.map((batch) => JSON.stringify(batch).length))).toBeLessThan(140_000);
  });

  test('sends the same batch with the same number again until it arrives', async () => {
    const seen: number[] = [];
    const { recorder, batches } = recorderWith((batch, call) => {
      seen.push(batch.seq);
      if (call <= 2) throw new Fault('unavailable', 'away');
    });
    recorder.record({ type: 'note', text: 'one' });
    await recorder.drain();
    expect(seen).toEqual([1, 1, 1]);
    expect(batches).toHaveLength(1);
  });

  test('a full disk of the control plane is waited for', async () => {
    const { recorder, batches, lost } = recorderWith((_, call) => {
      if (call === 1) throw new Fault('storage_full', 'full');
    });
    recorder.record({ type: 'note', text: 'one' });
    await recorder.drain();
    expect([batches.length, lost.length]).toEqual([1, 0]);
  });

  test('stops for good when the run belongs to another worker', async () => {
    const { recorder, batches, lost } = recorderWith(() => {
      throw new Fault('superseded', 'gone');
    });
    recorder.record({ type: 'note', text: 'one' });
    await recorder.drain();
    recorder.record({ type: 'note', text: 'two' });
    await recorder.drain();
    expect([batches.length, lost.map((fault) => fault.code)]).toEqual([0, ['superseded']]);
  });

  test('binary output and secrets at the end of a step: no NUL, nothing held back', async () => {
    const { recorder, batches } = recorderWith(() => {});
    recorder.redactor.add('secret-value');
    recorder.record({ type: 'output', index: 0, stream: 'stdout', text: 'a\0b secret-' });
    recorder.record({ type: 'output', index: 0, stream: 'stdout', text: 'value secret-v' });
    recorder.record({ type: 'step', index: 0, state: 'changed' });
    await recorder.drain();
    expect(outputOf(batches)).toBe('a\uFFFDb [redacted] secret-v');
    expect(batches.at(-1)?.records.at(-1)).toMatchObject({ type: 'step' });
  });
});
