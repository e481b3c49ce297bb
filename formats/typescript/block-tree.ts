/** What is known of a block: `blockLayers(model)` of the zoo gives it by layer path. */
export interface SourceBlock {
  /** The block's name: the prefix of its layers' names. */
  readonly block: string;
  /** What kind of block it is. */
  readonly kind: string;
}

/** The blocks of one (nested) model: which is inside which, and which layers are whose. */
export class BlockTree {
  private readonly kinds = new Map<string, string>();

  /**
   * @param blocks by layer path.
   * @param prefix path of the model, '' or ending in '/'.
   */
  constructor(blocks: ReadonlyMap<string, SourceBlock>, prefix: string) {
    for (const [path, { block, kind }] of blocks) {
      const isInside = path.startsWith(prefix) && !path.slice(prefix.length).includes('/');
      if (isInside) this.kinds.set(block, kind);
    }
  }

  /** The decorator's name of a block. */
  kindOf(block: string): string {
    return this.kinds.get(block) ?? 'block';
  }

  /** Takes a block for none: its layers belong to what is around it. */
  dissolve(block: string): void {
    this.kinds.delete(block);
  }

  /**
   * The outermost block inside `outer` (null: inside none) that a layer belongs to; null where the
   * layer is directly in `outer`.
   */
  childOf(outer: string | null, layer: string): string | null {
    const inner = [...this.kinds.keys()].filter(
      (block) => layer.startsWith(`${block}_`) && (outer === null || block.startsWith(`${outer}_`)),
    );
    return inner.sort((a, b) => a.length - b.length)[0] ?? null;
  }
}
