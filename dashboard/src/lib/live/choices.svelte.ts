/**
 * What a person has chosen, kept by the browser. Owns: theme, advanced pages, folding of idle time, effects on the timeline. The address wins over
 * it, and never writes it.
 */
type Theme = 'system' | 'light' | 'dark';

function stored(name: string): string | null {
  try {
    return localStorage.getItem(`mesh-${name}`);
  } catch {
    return null;
  }
}

function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`mesh-${name}`, value);
  } catch {
    // A browser that keeps nothing still shows everything.
    return;
  }
}

class Choices {
  theme = $state<Theme>('system');
  advanced = $state(false);
  fold = $state(true);
  effects = $state(true);

  begin(): void {
    const theme = stored('theme');
    if (theme === 'light' || theme === 'dark') this.theme = theme;
    this.advanced = stored('advanced') === '1';
    this.fold = stored('fold') !== '0';
    this.effects = stored('effects') !== '0';
    this.#apply();
  }

  nextTheme(): void {
    const isDark =
      this.theme === 'dark' || (this.theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
    this.theme = isDark ? 'light' : 'dark';
    keep('theme', this.theme);
    this.#apply();
  }

  setAdvanced(on: boolean): void {
    this.advanced = on;
    keep('advanced', on ? '1' : '0');
  }

  setFold(on: boolean): void {
    this.fold = on;
    keep('fold', on ? '1' : '0');
  }

  setEffects(on: boolean): void {
    this.effects = on;
    keep('effects', on ? '1' : '0');
  }

  #apply(): void {
    if (this.theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.theme;
  }
}

export const choices = new Choices();
