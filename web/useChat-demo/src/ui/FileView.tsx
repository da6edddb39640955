import type { Attachment } from '../chat/conversation';

/** A file: a picture, or its kind and name. */
export function FileView({ file }: { file: Attachment }) {
  if (file.mediaType.startsWith('image/')) {
    return <img className="picture" src={file.url} alt={file.name} />;
  }
  return (
    <span className="file">
      <b>{file.mediaType.split('/').at(-1)?.toUpperCase()}</b> {file.name}
    </span>
  );
}
