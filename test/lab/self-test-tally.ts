export class Tally {
  private passed = 0;
  private failed = 0;
  private skipped = 0;

  async check(what: string, test: () => Promise<boolean>): Promise<void> {
    try {
      if (await test()) return this.pass(what);
      this.fail(what);
    } catch (error) {
      this.fail(`${what}: ${(error as Error).message}`);
    }
  }

  async timed<T>(what: string, work: () => Promise<T>): Promise<T> {
    const start = Date.now();
    const done = await work();
    process.stdout.write(`     ${what} after ${Date.now() - start} ms\n`);
    return done;
  }

  skip(what: string): void {
    this.skipped++;
    process.stdout.write(`skip ${what}\n`);
  }

  report(): number {
    process.stdout.write(`${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped\n`);
    return this.failed === 0 ? 0 : 1;
  }

  private pass(what: string): void {
    this.passed++;
    process.stdout.write(`ok   ${what}\n`);
  }

  fail(what: string): void {
    this.failed++;
    process.stdout.write(`FAIL ${what}\n`);
  }
}
