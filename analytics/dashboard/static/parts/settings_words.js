// Adds the words of settings before a module that imports this one shows anything.
import { addWords, language } from "../app/words.js";

addWords(await (language === "de" ? import("../app/words_settings_de.js").then((words) => words.de)
  : import("../app/words_settings.js").then((words) => words.en)));
