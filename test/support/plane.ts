import { serve } from '../../services/main.ts';

/** A control plane that looks at the record often: what a test writes beside it rings no bell. */
const program = await serve({ environment: process.env, localWorkers: [], people: false, reconcileMs: 150 });
process.on('SIGTERM', () => void program.stop().then(() => process.exit(0)));
