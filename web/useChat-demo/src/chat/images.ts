// Pictures as models look at them: upright, no larger than they can use, and without what a camera
// notes of the place.
//
// Models scale what is larger down themselves, so its bytes would be sent, and sent again with each
// later message of the chat, for nothing.

/** The longest side, in pixels. */
const MOST_SIDE = 2048;
const MOST_BYTES = 700 * 1024;
const MOST_ANIMATED_BYTES = 1024 * 1024;
// Beyond it a browser may run out of memory while it decodes.
const MOST_GIVEN_BYTES = 50 * 1024 * 1024;
// Tried in this order until a picture has few enough bytes.
const TRIES = [
  [1, 0.85],
  [1, 0.7],
  [0.75, 0.7],
  [0.5, 0.7],
] as const;

/**
 * Return a picture as it is to be sent: the same file if nothing has to change.
 *
 * Throws an `Error` whose message says in a sentence what is wrong with it.
 */
export async function prepared(file: File): Promise<File> {
  if (file.size > MOST_GIVEN_BYTES) throw new Error(`${file.name} is larger than 50 MB.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (isAnimated(file.type, bytes)) {
    if (file.size <= MOST_ANIMATED_BYTES) return file;
    throw new Error(`${file.name} moves, so it is sent as it is, and 1 MB is the most for that.`);
  }
  const picture = await decoded(file);
  try {
    const side = Math.max(picture.width, picture.height);
    const isSmall = side <= MOST_SIDE && file.size <= MOST_BYTES;
    if (isSmall && !hasCameraNotes(file.type, bytes)) return file;
    return await redrawn(file, picture, Math.min(1, MOST_SIDE / side));
  } finally {
    picture.close();
  }
}

async function decoded(file: File): Promise<ImageBitmap> {
  try {
    // Cameras note which side is up instead of turning the picture, and models do not read that.
    return await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch {
    throw new Error(`${file.name} cannot be read as a picture. Is it whole?`);
  }
}

async function redrawn(file: File, picture: ImageBitmap, scale: number): Promise<File> {
  if (file.type !== 'image/jpeg') {
    const same = await drawn(picture, scale, 'image/png');
    if (same.size <= MOST_BYTES) return named(file, same);
  }
  let smallest: Blob | undefined;
  for (const [part, quality] of TRIES) {
    smallest = await drawn(picture, scale * part, 'image/jpeg', quality);
    if (smallest.size <= MOST_BYTES) break;
  }
  return named(file, smallest as Blob);
}

async function drawn(picture: ImageBitmap, scale: number, type: string, quality?: number) {
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser cannot scale pictures.');
  if (type === 'image/jpeg') {
    // JPEG knows no transparency, and would show black.
    context.fillStyle = 'white';
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, type, quality));
  if (!blob) throw new Error('This browser cannot scale a picture of this size.');
  return blob;
}

function named(file: File, blob: Blob): File {
  const ending = blob.type === 'image/jpeg' ? '.jpg' : '.png';
  const name = file.type === blob.type ? file.name : file.name.replace(/\.\w+$/, '') + ending;
  return new File([blob], name, { type: blob.type });
}

/** Whether a picture moves; on a canvas only its first moment would be left. */
function isAnimated(type: string, bytes: Uint8Array): boolean {
  switch (type) {
    case 'image/gif':
      // A graphic control extension stands before each of its pictures.
      return countOf(bytes, [0x21, 0xf9, 0x04]) > 1;
    case 'image/webp':
      // The animation flag of an extended file's header.
      return holds(bytes.subarray(12, 16), 'VP8X') && ((bytes[20] ?? 0) & 2) !== 0;
    case 'image/png':
      // Before the first picture's data.
      return holds(bytes.subarray(0, 65_536), 'acTL');
    default:
      return false;
  }
}

/** Whether a camera has noted how it was held, and perhaps where. */
function hasCameraNotes(type: string, bytes: Uint8Array): boolean {
  return type === 'image/jpeg' && holds(bytes.subarray(0, 65_536), 'Exif\0\0');
}

const holds = (bytes: Uint8Array, text: string) => {
  return (
    countOf(
      bytes,
      Array.from(text, (letter) => letter.charCodeAt(0)),
    ) > 0
  );
};

function countOf(bytes: Uint8Array, wanted: number[]): number {
  let count = 0;
  for (
    let at = bytes.indexOf(wanted[0] ?? 0);
    at >= 0;
    at = bytes.indexOf(wanted[0] ?? 0, at + 1)
  ) {
    if (wanted.every((byte, offset) => bytes[at + offset] === byte)) count += 1;
  }
  return count;
}
