/**
 * The form of a reviewer's verdict, for models that can be held to one. Owns: the JSON Schema. Does not own: reading the
 * verdict (reply-parsing.ts), which also takes what models write that cannot be held.
 *
 * The findings stand first: a model that writes them down before it decides, decides by them. Lengths are bounded so that
 * a small model cannot write without end.
 */
export const reviewSchema = {
  type: 'object',
  properties: {
    findings: {
      type: 'array',
      maxItems: 12,
      items: {
        type: 'object',
        properties: {
          severity: { enum: ['error', 'warning', 'info'] },
          line: { type: 'integer' },
          message: { type: 'string', maxLength: 300 },
        },
        required: ['severity', 'line', 'message'],
        additionalProperties: false,
      },
    },
    summary: { type: 'string', maxLength: 400 },
    verdict: { enum: ['approved', 'changes_requested'] },
  },
  required: ['findings', 'summary', 'verdict'],
  additionalProperties: false,
} as const;
