import type { Task } from '../../../../manager/common/model/task.js';
import { age } from '../paint/text.js';
import type { StateMark } from '../paint/glyphs.js';
import type { Column, RenderContext } from '../state/view.js';

/** The project of an object whose spec names one. */
export function projectColumn<
  T extends { readonly spec: { readonly project: string } },
>(): Column<T> {
  return {
    key: 'project',
    title: 'PROJECT',
    width: 10,
    max: 24,
    priority: 2,
    text: ({ spec }) => spec.project,
  };
}

/** Time since the creation of an object; the youngest sorts first. */
export function ageColumn<T extends { readonly createdAt: number }>(priority = 4): Column<T> {
  return {
    key: 'age',
    title: 'AGE',
    width: 4,
    priority,
    right: true,
    text: ({ createdAt }, { now }) => age(now - createdAt),
    order: ({ createdAt }) => -createdAt,
  };
}

/** The state of an object as its mark shows it. */
export function stateColumn<T>(
  markOf: (item: T, look: RenderContext) => StateMark,
  width = 11,
  priority = 0,
): Column<T> {
  return {
    key: 'state',
    title: 'STATE',
    width,
    priority,
    text: (item, look) => {
      const { glyph, word } = markOf(item, look);
      return `${glyph} ${word}`;
    },
    style: (item, look) => markOf(item, look).style,
  };
}

/** The machine of a task. */
export function machineColumn<T>(taskOf: (item: T) => Task, priority: number): Column<T> {
  return {
    key: 'node',
    title: 'MACHINE',
    width: 8,
    max: 20,
    priority,
    text: (item, { world }) => world.nodeOf(taskOf(item))?.spec.name ?? '-',
  };
}
