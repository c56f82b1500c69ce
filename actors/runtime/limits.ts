/**
 * The limits of a host, each with its reason (S8). Owns: the numbers. Does not own: keeping to them. All are options of
 * the host, so that a simulation can draw them small and reach what large ones hide (J8).
 */
export interface RuntimeLimits {
  /** How long an input may run ahead of its record, milliseconds: long enough to share an fsync, short against a hop. */
  readonly commitWindowMs: number;
  /** Bytes of inputs in one record; what comes then goes into the next one. Far below what a server takes as a message. */
  readonly recordBytesMax: number;
  /** Inputs in one record: folding one is one turn of the event loop. */
  readonly recordInputsMax: number;
  /** Records that the ledger has and the log has not yet; more, and nothing new is taken in until the log follows. */
  readonly recordsAheadMax: number;
  /** A log that takes longer than this for a record does not hold up the ledger, milliseconds. */
  readonly logPatienceMs: number;
  /** Events that one input may cause among the actors of one host; more are machines that talk in a circle. */
  readonly cascadeMax: number;
  /** Outputs of one transition; more means a machine that loops. */
  readonly outputsMax: number;
  /** Outputs under way to the log; more, and reading pauses until a quarter is left. */
  readonly sendingMax: number;
  /** Tasks in memory that have nothing to do; one takes a few KiB. */
  readonly idleTasksMax: number;
  /** Records of a partition after which there is a checkpoint: so many are folded at a start. */
  readonly checkpointRecords: number;
  /** Open tasks that have changed after which there is one. */
  readonly checkpointTasks: number;
  /** Silence of a partition after which there is one, milliseconds. */
  readonly checkpointIdleMs: number;
  /**
   * Records of a partition that a takeover copies from the log into its ledger; where it lacks more, it begins at the log's
   * checkpoint: some seconds are to be enough, however long the history is.
   */
  readonly copiedRecordsMax: number;
  /** A partition in which something waits says that time has passed, this often, milliseconds: a crash forgets no more. */
  readonly timeMarkMs: number;
  /** Between two tries to send what was not acknowledged, milliseconds; a reconnect does not wait for it. */
  readonly resendMs: number;
  /** Pause before a second attempt of an effect, doubled for each further one up to the maximum, milliseconds. */
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
  /** An effect in the middle of which its process ended so often is taken to be the cause. */
  readonly crashesMax: number;
  /** How often an effect is refused at a cap before it fails: with the pauses between, after about six seconds. */
  readonly refusalsMax: number;
  /** A wait of an effect that is shorter is not spoken of, milliseconds. */
  readonly waitToldAfterMs: number;
  /** How long an effect may wait for its turn, milliseconds: whoever asks for it has given up by then. */
  readonly waitMsMax: number;
  /** How long a partition of a log that was made anew is left to a host that had more of it, milliseconds. */
  readonly otherHostsMs: number;
  /** How long a stop waits for effects that may not be repeated, milliseconds; cut off, they would need a person. */
  readonly stopOnceMs: number;
  /** How long a stop waits for the log, milliseconds; what is missing then is sent at the next start. */
  readonly stopDrainMs: number;
}

export const defaultLimits: RuntimeLimits = {
  commitWindowMs: 4,
  recordBytesMax: 262_144,
  recordInputsMax: 1000,
  recordsAheadMax: 256,
  logPatienceMs: 100,
  cascadeMax: 1000,
  outputsMax: 64,
  sendingMax: 4000,
  idleTasksMax: 2000,
  checkpointRecords: 512,
  checkpointTasks: 512,
  checkpointIdleMs: 30_000,
  copiedRecordsMax: 2000,
  timeMarkMs: 10_000,
  resendMs: 250,
  backoffFirstMs: 200,
  backoffMaxMs: 10_000,
  crashesMax: 5,
  refusalsMax: 5,
  waitToldAfterMs: 1000,
  waitMsMax: 3_600_000,
  otherHostsMs: 15_000,
  stopOnceMs: 5000,
  stopDrainMs: 3000,
};
