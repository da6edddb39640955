const PATHS = {
  send: 'M10 16V4M4.5 9.5 10 4l5.5 5.5',
  stop: 'M6 6h8v8H6z',
  copy: 'M7.5 7.5h8v8h-8zM12.5 7.5v-3h-8v8h3',
  check: 'm4.5 10.5 3.7 3.7 7.3-8',
  again: 'M15.6 8A6 6 0 1 0 16 10.8M15.9 4.2V8h-3.8',
  edit: 'm4 16 .8-3.4 8.3-8.3a1.8 1.8 0 0 1 2.6 2.6l-8.3 8.3zM11.8 5.6l2.6 2.6',
  attach:
    'M15.5 9.2 9.6 15a3.6 3.6 0 0 1-5.1-5.1l6-6a2.4 2.4 0 0 1 3.4 3.4l-6 6a1.2 1.2 0 0 1-1.7-1.7l5.4-5.4',
  close: 'm5 5 10 10M15 5 5 15',
  list: 'M3.5 5.5h13M3.5 10h13M3.5 14.5h8',
  compare: 'M3.5 4.5h5v11h-5zM11.5 4.5h5v11h-5z',
  wire: 'M3 4v12M6 7v6M9 4v12M12 8v4M15 5v10M17.5 8v4',
  menu: 'M4.5 9.6v.8M10 9.6v.8M15.5 9.6v.8',
  plus: 'M10 4v12M4 10h12',
  down: 'M10 4v12M4.5 10.5 10 16l5.5-5.5',
  before: 'm12 4.5-5.5 5.5 5.5 5.5',
  person:
    'M10 10.2a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4M4 16.5c.6-2.7 3-4.2 6-4.2s5.4 1.5 6 4.2',
  after: 'm8 4.5 5.5 5.5L8 15.5',
} as const;

export type IconName = keyof typeof PATHS;

/** A line drawing. It has no label: the text beside it has to say what it means. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
