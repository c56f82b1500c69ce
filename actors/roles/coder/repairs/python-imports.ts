/**
 * Which import of Python's standard library a name stands for. Owns the table; only names that mean one thing in
 * nearly every program are in it.
 */

const MODULES: ReadonlySet<string> = new Set(
  `abc argparse array ast asyncio base64 bisect collections concurrent contextlib copy csv dataclasses datetime decimal
  enum fnmatch functools glob gzip hashlib heapq hmac html http importlib inspect io itertools json logging math
  multiprocessing operator os pathlib pickle platform pprint queue random re secrets shlex shutil signal socket sqlite3
  statistics string struct subprocess sys tempfile textwrap threading time tomllib traceback types typing unicodedata
  unittest urllib uuid warnings weakref xml zipfile zlib zoneinfo`.split(/\s+/),
);

const MEMBERS: Readonly<Record<string, string>> = {
  Path: 'pathlib',
  defaultdict: 'collections',
  Counter: 'collections',
  deque: 'collections',
  OrderedDict: 'collections',
  namedtuple: 'collections',
  dataclass: 'dataclasses',
  field: 'dataclasses',
  asdict: 'dataclasses',
  Any: 'typing',
  Optional: 'typing',
  Union: 'typing',
  List: 'typing',
  Dict: 'typing',
  Tuple: 'typing',
  Set: 'typing',
  TypeVar: 'typing',
  Generic: 'typing',
  Protocol: 'typing',
  Literal: 'typing',
  TypedDict: 'typing',
  NamedTuple: 'typing',
  Callable: 'collections.abc',
  Iterable: 'collections.abc',
  Iterator: 'collections.abc',
  Sequence: 'collections.abc',
  Mapping: 'collections.abc',
  wraps: 'functools',
  lru_cache: 'functools',
  cache: 'functools',
  partial: 'functools',
  reduce: 'functools',
  contextmanager: 'contextlib',
  suppress: 'contextlib',
  Enum: 'enum',
  ABC: 'abc',
  abstractmethod: 'abc',
  Decimal: 'decimal',
  timedelta: 'datetime',
  timezone: 'datetime',
  sleep: 'time',
  sqrt: 'math',
  ceil: 'math',
  floor: 'math',
  uuid4: 'uuid',
  chain: 'itertools',
  islice: 'itertools',
  product: 'itertools',
  bisect_left: 'bisect',
  heappush: 'heapq',
  heappop: 'heapq',
  urlparse: 'urllib.parse',
};

/** The import statement for a name, or null. A name that is followed by a dot is meant as a module where it is one. */
export function importFor(name: string, isQualified: boolean): string | null {
  if (MODULES.has(name) && isQualified) return `import ${name}`;
  const module = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined;
  return module === undefined ? null : `from ${module} import ${name}`;
}
