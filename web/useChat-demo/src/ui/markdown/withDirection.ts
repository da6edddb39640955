interface Node {
  type: string;
  tagName?: string;
  properties?: Record<string, unknown>;
  children?: Node[];
}

const OWN_DIRECTION = /^(p|h[1-6]|ul|ol|li|blockquote|td|th)$/;

/** A rehype plugin: each paragraph runs in the direction of its own first letter. */
export function withDirection() {
  return function visit(node: Node): void {
    if (OWN_DIRECTION.test(node.tagName ?? '')) {
      node.properties = { ...node.properties, dir: 'auto' };
    }
    node.children?.forEach(visit);
  };
}
