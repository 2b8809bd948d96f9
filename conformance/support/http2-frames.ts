/** What a client sends first (RFC 9113, section 3.4). */
export const preface: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The types of frames (RFC 9113, section 6). */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** The flags of frames; the same bit means another thing in another type. */
export const Flag = {
  ACK: 0x1,
  END_STREAM: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const;

/** The parameters of SETTINGS (RFC 9113, section 6.5.2). */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
} as const;

/** A frame as it is on the wire. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** How many bytes are before each payload. */
const headerBytes = 9;

/** What a frame has that is not empty or 0. */
export interface FrameParts {
  readonly flags?: number;
  readonly streamId?: number;
  readonly payload?: Uint8Array;
  /** What its header says of the payload's length; that length by default. */
  readonly length?: number;
}

/** Puts a frame into bytes, right or wrong. */
export function encodeFrame(type: number, parts: FrameParts = {}): Buffer {
  const { flags = 0, streamId = 0, payload = new Uint8Array(), length = payload.length } = parts;
  const header = Buffer.alloc(headerBytes);
  header.writeUIntBE(length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

/** A SETTINGS frame. */
export function encodeSettings(...settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.concat(
    settings.map(([id, value]) => {
      const setting = Buffer.alloc(6);
      setting.writeUInt16BE(id, 0);
      setting.writeUInt32BE(value, 2);
      return setting;
    }),
  );
  return encodeFrame(FrameType.SETTINGS, { payload });
}

/** A number of 32 bits, as the payload of RST_STREAM and WINDOW_UPDATE. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Takes frames out of the bytes that come. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /** How many bytes the frame lacks that has come in part; undefined where its length is not known yet. */
  get missing(): number | undefined {
    if (this.#rest.length === 0) return 0;
    if (this.#rest.length < headerBytes) return undefined;
    return headerBytes + this.#rest.readUIntBE(0, 3) - this.#rest.length;
  }

  /** Takes the next bytes; returns the frames that are complete with them. */
  read(bytes: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    while (rest.length >= headerBytes) {
      const end = headerBytes + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      frames.push({
        type: rest.readUInt8(3),
        flags: rest.readUInt8(4),
        // Without the reserved bit.
        streamId: rest.readUInt32BE(5) & 0x7fff_ffff,
        payload: rest.subarray(headerBytes, end),
      });
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    return frames;
  }
}
