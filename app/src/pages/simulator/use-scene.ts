/** The scene that is edited, and the same in the page's address. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Venue } from "@/engine/types";
import { decodeScene, encodeScene, FLAT, missingIn, SceneError, type Scene } from "./scene";

/** Browsers limit how often an address may change: it follows when the scene has stood still for so long, milliseconds. */
const SETTLE_MS = 400;

interface Read {
  scene: Scene;
  /** Why the address could not be restored. */
  problem: string | null;
}

function read(text: string | undefined, venue: Venue): Read {
  if (text === undefined) return { scene: FLAT, problem: null };
  try {
    const scene = decodeScene(text);
    const missing = missingIn(scene, venue);
    return missing === null ? { scene, problem: null } : { scene: FLAT, problem: missing };
  } catch (error) {
    if (!(error instanceof SceneError)) throw error;
    return { scene: FLAT, problem: error.message };
  }
}

/** `generation` grows whenever the scene is replaced as a whole: fields then forget what was typed. */
export function useScene(venue: Venue) {
  const { scene: text } = useSearch({ from: "/simulator" });
  const navigate = useNavigate();
  const [state, setState] = useState(() => ({ ...read(text, venue), generation: 0 }));
  /** What has been put into the address here and has not arrived there yet. */
  const own = useRef(new Set([text]));

  // Another address may come from outside: a link, or the way back.
  useEffect(() => {
    if (own.current.delete(text)) return;
    setState(({ generation }) => ({ ...read(text, venue), generation: generation + 1 }));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- what was read stays when the exchange changes
  }, [text]);

  const { scene, problem } = state;
  useEffect(() => {
    const timer = setTimeout(() => {
      const next = encodeScene(scene);
      if (problem !== null || next === text) return;
      own.current.add(next);
      void navigate({
        to: "/simulator",
        search: (before: { account?: string }) => ({
          ...(before.account ? { account: before.account } : {}),
          ...(next ? { scene: next } : {}),
        }),
        replace: true,
      });
    }, SETTLE_MS);
    return () => clearTimeout(timer);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the address follows the scene
  }, [scene]);

  const update = useCallback((change: (scene: Scene) => Scene) => {
    setState((before) => ({ ...before, scene: change(before.scene), problem: null }));
  }, []);
  const replace = useCallback((change: (scene: Scene) => Scene) => {
    setState((before) => ({
      ...before,
      scene: change(before.scene),
      problem: null,
      generation: before.generation + 1,
    }));
  }, []);
  return { ...state, update, replace };
}
