import { Moon, Sun } from "lucide-react";
import { useState } from "react";
import { Button } from "@/ui/button";

/** Dark or light, remembered. */
export function ThemeButton() {
  const [isDark, setDark] = useState(() => document.documentElement.classList.contains("dark"));
  const toggle = () => {
    document.documentElement.classList.toggle("dark", !isDark);
    localStorage.setItem("ballast.theme", isDark ? "light" : "dark");
    dispatchEvent(new Event("ballast-theme"));
    setDark(!isDark);
  };
  const Icon = isDark ? Sun : Moon;
  return (
    <Button
      variant="ghost"
      size="icon"
      onClick={toggle}
      aria-label={isDark ? "Light colours" : "Dark colours"}
    >
      <Icon aria-hidden className="size-4" />
    </Button>
  );
}
