// A DOM for React without a browser. Node's own fetch stays: it is the one that streams.
import { Window } from 'happy-dom';

const window = new Window({ url: 'http://localhost/' });
globalThis.window = window;
globalThis.document = window.document;
globalThis.HTMLElement = window.HTMLElement;
globalThis.FileList = window.FileList;
globalThis.navigator ??= window.navigator; // Node has one of its own from 21 on
globalThis.IS_REACT_ACT_ENVIRONMENT = false;
