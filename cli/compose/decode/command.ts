/**
 * Splits a command line into words: quotes and backslashes as in a shell, nothing expanded. Words end
 * at the first unquoted `;`, `&`, `|`, `<` or `>`, since what follows is not of this command. Undefined
 * when a quote or bracket stays open. These are the rules of mattn/go-shellwords, which Compose uses.
 */
export function splitCommand(line: string): string[] | undefined {
  const state = new Splitter();
  for (const character of line) if (!state.take(character)) break;
  return state.finish();
}

class Splitter {
  readonly #words: string[] = [];
  #word = '';
  #started = false;
  #escaped = false;
  #double = false;
  #single = false;
  #back = false;
  #bracket = false;
  #broken = false;

  /** False ends the command. */
  take(character: string): boolean {
    if (this.#escaped) {
      this.#escaped = false;
      this.#add(character);
      return true;
    }
    if (character === '\\') {
      if (this.#single) this.#word += character;
      else this.#escaped = true;
      return true;
    }
    if (/[ \t\r\n]/.test(character)) {
      this.#space(character);
      return true;
    }
    return this.#special(character);
  }

  finish(): string[] | undefined {
    if (this.#broken || this.#escaped || this.#quoted()) return undefined;
    if (this.#started) this.#words.push(this.#word);
    return this.#words;
  }

  #quoted(): boolean {
    return this.#single || this.#double || this.#back || this.#bracket;
  }

  #add(character: string): void {
    this.#started = true;
    this.#word += character;
  }

  #space(character: string): void {
    if (this.#quoted()) this.#word += character;
    else if (this.#started) {
      this.#words.push(this.#word);
      this.#word = '';
      this.#started = false;
    }
  }

  #special(character: string): boolean {
    if (character === '"' && !this.#single && !this.#bracket) {
      if (this.#double) this.#started = true;
      this.#double = !this.#double;
      return true;
    }
    if (character === "'" && !this.#double && !this.#bracket) {
      if (this.#single) this.#started = true;
      this.#single = !this.#single;
      return true;
    }
    if (';&|<>'.includes(character) && !this.#quoted()) {
      // `2>file` is a redirection of 2, which is then no word.
      if (character === '>' && /^[0-9]/.test(this.#word)) this.#started = false;
      return false;
    }
    if (character === '(' && !this.#single && !this.#double && !this.#back)
      return this.#openBracket();
    if (character === '`' && !this.#single && !this.#double && !this.#bracket)
      this.#back = !this.#back;
    if (character === ')' && !this.#single && !this.#double && !this.#back)
      this.#bracket = !this.#bracket;
    this.#add(character);
    return true;
  }

  #openBracket(): boolean {
    if (!this.#bracket && this.#word.endsWith('$')) {
      this.#bracket = true;
      this.#word += '(';
      return true;
    }
    this.#broken = true;
    return false;
  }
}
