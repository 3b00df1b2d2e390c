/**
 * Splits a command line into words: quotes and backslashes work as in a shell, nothing is expanded.
 * The command ends at the first unquoted `;`, `&`, `|`, `<` or `>`; the rest is ignored. Undefined
 * if a quote or bracket is not closed. These are the rules of mattn/go-shellwords, which Compose
 * uses.
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

  /** Consumes a character; returns false at the end of the command. */
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
    if (character === '"' || character === "'") {
      if (this.#toggleQuote(character)) return true;
    } else if (character === '(' && !this.#within() && !this.#back) return this.#openBracket();
    else if (character === '`' && !this.#within() && !this.#bracket) this.#back = !this.#back;
    else if (character === ')' && !this.#within() && !this.#back) this.#bracket = !this.#bracket;
    else if (this.#ends(character)) return false;
    this.#add(character);
    return true;
  }

  /** Returns false if the quote is an ordinary character here. */
  #toggleQuote(quote: string): boolean {
    const double = quote === '"';
    if (this.#bracket || (double ? this.#single : this.#double)) return false;
    // A pair of quotes makes a word, even if it is empty.
    if (double ? this.#double : this.#single) this.#started = true;
    if (double) this.#double = !this.#double;
    else this.#single = !this.#single;
    return true;
  }

  /** True inside quotes, where brackets and backticks have no meaning. */
  #within(): boolean {
    return this.#single || this.#double;
  }

  #ends(character: string): boolean {
    if (!';&|<>'.includes(character) || this.#quoted()) return false;
    // In `2>file` the number belongs to the redirection and is not a word.
    if (character === '>' && /^[0-9]/.test(this.#word)) this.#started = false;
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
