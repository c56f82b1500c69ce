/**
 * Zip archives, as documents come in them. Owns: unpacking what is wanted within limits of number and size, whatever the
 * archive says of itself. Does not own: what is in it.
 *
 * A file is unpacked into the room that the directory names for it and not beyond: one that lies is cut, not followed.
 */
import { strFromU8, unzipSync } from 'fflate';

const ENTRIES_MAX = 10_000;
const ENTRY_BYTES_MAX = 64 * 1024 * 1024;
const TOTAL_BYTES_MAX = 128 * 1024 * 1024;

export class ArchiveTooLarge extends Error {
  override readonly name = 'ArchiveTooLarge';
}

export interface Archive {
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Null when it is not there. */
  text(path: string): string | null;
}

/** @throws ArchiveTooLarge, or Error when it is no archive */
export function unpack(bytes: Uint8Array, wanted: (name: string) => boolean): Archive {
  let entries = 0;
  let total = 0;
  const files = unzipSync(bytes, {
    filter({ name, originalSize }) {
      entries += 1;
      if (entries > ENTRIES_MAX) throw new ArchiveTooLarge(`more than ${ENTRIES_MAX} files`);
      if (!wanted(name)) return false;
      total += originalSize;
      if (originalSize > ENTRY_BYTES_MAX || total > TOTAL_BYTES_MAX) throw new ArchiveTooLarge(`${name} is too large`);
      return true;
    },
  });
  return {
    files,
    text(path) {
      const file = Object.hasOwn(files, path) ? files[path] : undefined;
      return file === undefined ? null : decoded(file);
    },
  };
}

/** XML may be in UTF-16, which its mark says. */
function decoded(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  return bytes[0] === 0xfe && bytes[1] === 0xff ? new TextDecoder('utf-16be').decode(bytes) : strFromU8(bytes);
}
