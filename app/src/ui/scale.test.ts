import { describe, expect, it } from "vitest";
import { heightAt, stack, ticks, zeros } from "./scale";

describe("ticks", () => {
  it("are round and within the range", () => {
    expect(ticks(0, 100, 5)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticks(-1.2, 1.2, 4)).toEqual([-1, 0, 1]);
    expect(ticks(97, 203, 4)).toEqual([100, 150, 200]);
    expect(ticks(0.01, 0.05, 4)).toEqual([0.01, 0.02, 0.03, 0.04, 0.05]);
  });

  it("are none where there is no range", () => {
    expect(ticks(5, 5, 4)).toEqual([]);
    expect(ticks(Number.NaN, 5, 4)).toEqual([]);
  });
});

describe("a line", () => {
  const points = [
    { x: 0, y: -10 },
    { x: 10, y: 10 },
    { x: 20, y: 0 },
  ];

  it("has a height between its points, and none beyond them", () => {
    expect(heightAt(points, 0)).toBe(-10);
    expect(heightAt(points, 15)).toBe(5);
    expect(heightAt(points, -1)).toBeNull();
    expect(heightAt(points, 21)).toBeNull();
  });

  it("crosses zero", () => {
    expect(zeros(points)).toEqual([5, 20]);
    expect(
      zeros([
        { x: 0, y: 0 },
        { x: 1, y: 0 },
      ]),
    ).toEqual([]);
  });
});

it("labels that overlap stand in rows of their own", () => {
  const labels = [
    { start: 0, end: 10 },
    { start: 5, end: 15 },
    { start: 12, end: 20 },
  ];
  expect(stack(labels)).toEqual([0, 1, 0]);
});
