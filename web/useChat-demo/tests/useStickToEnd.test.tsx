import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { useStickToEnd } from '../src/ui/useStickToEnd';

const HEIGHT = 100;

/** A box of 100 pixels; there is no layout here, so its content is as high as it is told. */
function Box({ content }: { content: number }) {
  const { ref, isAtEnd, on, goToEnd } = useStickToEnd<HTMLDivElement>(true);
  return (
    <>
      <div
        data-testid="box"
        data-at-end={isAtEnd}
        tabIndex={0}
        {...on}
        ref={(box) => {
          ref.current = box;
          if (box) layOut(box, content);
        }}
      />
      <button onClick={goToEnd}>To the end</button>
    </>
  );
}

function layOut(box: HTMLElement, content: number) {
  let top = Object.hasOwn(box, 'scrollTop') ? box.scrollTop : 0;
  const own = (name: string, more: PropertyDescriptor) => {
    Object.defineProperty(box, name, { configurable: true, ...more });
  };
  own('clientHeight', { value: HEIGHT });
  own('scrollHeight', { value: content });
  own('scrollTop', {
    get: () => top,
    // As browsers do: no further than to the end.
    set: (value: number) => {
      top = Math.max(0, Math.min(value, content - HEIGHT));
    },
  });
}

function shown(content: number) {
  const { rerender } = render(<Box content={content} />);
  const box = screen.getByTestId('box');
  const grow = (to: number) => rerender(<Box content={to} />);
  return { box, grow, isAtEnd: () => box.dataset.atEnd === 'true' };
}

afterEach(cleanup);

it('a box that grows is at its end', () => {
  const { box, grow, isAtEnd } = shown(500);
  grow(600);

  expect(box.scrollTop).toBe(500);
  expect(isAtEnd()).toBe(true);
});

it.each([
  ['a wheel', (box: HTMLElement) => fireEvent.wheel(box, { deltaY: -1 })],
  ['a key', (box: HTMLElement) => fireEvent.keyDown(box, { key: 'ArrowUp' })],
  [
    'a finger',
    (box: HTMLElement) => {
      fireEvent.touchStart(box, { touches: [{ clientY: 10 }] });
      fireEvent.touchMove(box, { touches: [{ clientY: 11 }] });
    },
  ],
  [
    'a scroll bar',
    (box: HTMLElement) => {
      box.scrollTop -= 5;
      fireEvent.scroll(box);
    },
  ],
])('%s that goes up by the least lets it stand still', (_, goUp) => {
  const { box, grow, isAtEnd } = shown(500);

  goUp(box);
  const at = box.scrollTop;
  grow(900);

  expect(isAtEnd()).toBe(false);
  expect(box.scrollTop).toBe(at);
});

it.each([
  ['a wheel', (box: HTMLElement) => fireEvent.wheel(box, { deltaY: 1 })],
  ['another key', (box: HTMLElement) => fireEvent.keyDown(box, { key: 'ArrowDown' })],
])('%s that does not go up changes nothing', (_, act_) => {
  const { box, grow } = shown(500);

  act_(box);
  grow(900);

  expect(box.scrollTop).toBe(800);
});

it('who scrolls down to the end follows it again', () => {
  const { box, grow, isAtEnd } = shown(500);
  fireEvent.wheel(box, { deltaY: -1 });
  box.scrollTop = 100;
  fireEvent.scroll(box);

  box.scrollTop = 380;
  fireEvent.scroll(box);
  grow(900);

  expect(isAtEnd()).toBe(true);
  expect(box.scrollTop).toBe(800);
});

it('the button leads to the end', () => {
  const { box, isAtEnd } = shown(500);
  fireEvent.wheel(box, { deltaY: -1 });
  box.scrollTop = 10;

  act(() => screen.getByRole('button').click());

  expect(isAtEnd()).toBe(true);
  expect(box.scrollTop).toBe(400);
});

it('what fits into the box has no end to leave', () => {
  const { box, isAtEnd } = shown(80);

  fireEvent.wheel(box, { deltaY: -10 });

  expect(isAtEnd()).toBe(true);
});
