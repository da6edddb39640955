import { useRef, useState, type ReactNode } from 'react';
import type { Version } from '../chat/versions';
import { copyText } from './copyText';
import { Icon, type IconName } from './Icon';

/** What can be done with a message. It stands at the same place from the message's first word on. */
export function Toolbar({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="toolbar" role="group" aria-label={label}>
      {children}
    </div>
  );
}

/** A button that is a drawing; `name` is what it does, for those who hear it or point at it. */
export function ToolbarButton(props: {
  icon: IconName;
  name: string;
  disabled?: boolean;
  buttonRef?: React.Ref<HTMLButtonElement>;
  onPress(): void;
}) {
  const { icon, name, disabled = false, buttonRef, onPress } = props;
  return (
    <button
      ref={buttonRef}
      type="button"
      className="quiet"
      disabled={disabled}
      onClick={onPress}
      aria-label={name}
      title={name}
    >
      <Icon name={icon} />
    </button>
  );
}

/** Copy what the message was written in: Markdown, as the model sent it. */
export function CopyButton({ text, name }: { text: string; name: string }) {
  const [copied, setCopied] = useState<boolean>();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  async function copy() {
    setCopied(await copyText(text));
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(undefined), 1500);
  }

  return (
    <>
      <ToolbarButton
        icon={copied ? 'check' : 'copy'}
        name={copied ? 'Copied' : name}
        onPress={() => void copy()}
      />
      {copied === false && (
        <span className="problem" role="alert">
          Select it to copy
        </span>
      )}
    </>
  );
}

/** `‹ 2/3 ›`: step between what has stood at this place. */
export function VersionSwitch(props: {
  version: Version;
  disabled: boolean;
  onShow(number: number): void;
}) {
  const { version, disabled, onShow } = props;
  const step = (by: number, name: string, icon: IconName) => {
    const isThere = version.number + by >= 1 && version.number + by <= version.of;
    return (
      <button
        type="button"
        className="quiet"
        disabled={disabled}
        // Not `disabled` at either end: that would take the focus from who steps by keyboard.
        aria-disabled={!isThere}
        onClick={() => isThere && onShow(version.number + by)}
        aria-label={name}
        title={name}
      >
        <Icon name={icon} />
      </button>
    );
  };
  return (
    <span className="versions" role="group" aria-label="Versions">
      {step(-1, 'Earlier version', 'before')}
      <span aria-label={`Version ${version.number} of ${version.of}`} role="img">
        {version.number}/{version.of}
      </span>
      {step(1, 'Later version', 'after')}
    </span>
  );
}
