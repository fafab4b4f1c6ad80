// Adds the words of retention, journeys and samples before a module that imports this one shows anything.
import { addWords, language } from "../app/words.js";

addWords(await (language === "de" ? import("../app/words_insights_de.js").then((words) => words.de)
  : import("../app/words_insights.js").then((words) => words.en)));
