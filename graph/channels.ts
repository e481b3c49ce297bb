/** The channels along the last axis of a tensor. */
export interface Channels {
  /** The class of each channel: channels of one class live or die together. */
  readonly classes: readonly number[];
  /** Per channel: whether it is exactly zero everywhere once its class is removed. */
  readonly silent: readonly boolean[];
}

/** Channel classes by union-find, each open or closed for a reason. */
export class ChannelClasses {
  private readonly parents: number[] = [];
  private readonly reasons = new Map<number, string>();

  /** The same classes, to be united and closed further without changing these. */
  copy(): ChannelClasses {
    const copy = new ChannelClasses();
    for (const parent of this.parents) copy.parents.push(parent);
    for (const [root, reason] of this.reasons) copy.reasons.set(root, reason);
    return copy;
  }

  /** New classes, one a channel, silent when removed. */
  create(count: number): Channels {
    const first = this.parents.length;
    const classes = Array.from({ length: count }, (_, index) => first + index);
    this.parents.push(...classes);
    return { classes, silent: classes.map(() => true) };
  }

  /** The class that `member` belongs to now. */
  find(member: number): number {
    let root = member;
    while (this.parents[root] !== root) root = this.parents[root]!;
    for (let walk = member; walk !== root;) {
      const next = this.parents[walk]!;
      this.parents[walk] = root;
      walk = next;
    }
    return root;
  }

  /** Couples the classes of two tensors position by position; the lengths must agree. */
  unite(a: readonly number[], b: readonly number[]): void {
    if (a.length !== b.length) {
      throw new RangeError(
        `coupled tensors must have equal channels, got ${a.length} and ${b.length}`,
      );
    }
    a.forEach((member, index) => {
      const [one, other] = [this.find(member), this.find(b[index]!)];
      if (one === other) return;
      const [root, child] = [Math.min(one, other), Math.max(one, other)];
      this.parents[child] = root;
      const reason = this.reasons.get(root) ?? this.reasons.get(child);
      if (reason !== undefined) this.reasons.set(root, reason);
    });
  }

  /** Closes classes: they are never removed, and this is why. The first reason stays. */
  close(members: readonly number[], reason: string): void {
    for (const member of members) {
      const root = this.find(member);
      if (!this.reasons.has(root)) this.reasons.set(root, reason);
    }
  }

  /** Why the class is closed; undefined while it is open. */
  reason(member: number): string | undefined {
    return this.reasons.get(this.find(member));
  }
}
