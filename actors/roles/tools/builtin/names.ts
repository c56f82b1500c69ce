/**
 * The names of the built-in tools, for those who must not load them: a process says what it can do before its first
 * call. In the order of builtinTools().
 */
export const builtinNames = [
  'convert',
  'calculator',
  'date',
  'clock',
  'hash',
  'base64',
  'uuid',
  'list_files',
  'read_file',
  'search_files',
  'check_code',
  'http_get',
  'http_post',
  'http_post_once',
] as const;
