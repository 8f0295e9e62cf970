//! The words of the world: per topic and language the nouns that give a topic away, and the frames they stand in.

/// Number of topics.
pub const TOPICS: usize = 16;
/// Number of languages.
pub const LANGUAGES: usize = 5;

/// The languages as BCP 47 tags, by number.
pub const LANGUAGE_TAGS: [&str; LANGUAGES] = ["en", "es", "pt", "de", "fr"];

/// Nouns per topic and language (`[TOPICS][LANGUAGES]`), most usual first. Some words are shared between languages, and a few
/// between topics, as in life.
pub(crate) const NOUNS: [[[&str; 8]; LANGUAGES]; TOPICS] = [
    [
        ["goal", "keeper", "penalty", "striker", "league", "derby", "coach", "offside"],
        ["gol", "portero", "penalti", "delantero", "liga", "clásico", "entrenador", "estadio"],
        ["golo", "goleiro", "pênalti", "atacante", "campeonato", "dérbi", "treinador", "torcida"],
        ["Tor", "Torwart", "Elfmeter", "Stürmer", "Bundesliga", "Derby", "Trainer", "Abseits"],
        ["but", "gardien", "pénalty", "attaquant", "championnat", "derby", "entraîneur", "stade"],
    ],
    [
        ["sourdough", "garlic", "oven", "recipe", "butter", "noodles", "curry", "dessert"],
        ["receta", "ajo", "horno", "tortilla", "aceite", "arroz", "cebolla", "postre"],
        ["receita", "alho", "forno", "feijão", "azeite", "bacalhau", "cebola", "sobremesa"],
        ["Rezept", "Knoblauch", "Ofen", "Brot", "Butter", "Nudeln", "Zwiebel", "Nachtisch"],
        ["recette", "ail", "four", "baguette", "beurre", "fromage", "oignon", "dessert"],
    ],
    [
        ["election", "senate", "minister", "campaign", "ballot", "parliament", "reform", "debate"],
        ["elección", "senado", "ministro", "campaña", "voto", "congreso", "reforma", "debate"],
        ["eleição", "senado", "ministro", "campanha", "voto", "congresso", "reforma", "debate"],
        ["Wahl", "Bundestag", "Minister", "Wahlkampf", "Stimmzettel", "Koalition", "Reform", "Debatte"],
        ["élection", "sénat", "ministre", "campagne", "scrutin", "assemblée", "réforme", "débat"],
    ],
    [
        ["album", "guitar", "chorus", "vinyl", "concert", "drummer", "melody", "playlist"],
        ["disco", "guitarra", "estribillo", "vinilo", "concierto", "batería", "melodía", "canción"],
        ["álbum", "violão", "refrão", "vinil", "show", "bateria", "melodia", "samba"],
        ["Album", "Gitarre", "Refrain", "Schallplatte", "Konzert", "Schlagzeug", "Melodie", "Lied"],
        ["album", "guitare", "refrain", "vinyle", "concert", "batterie", "mélodie", "chanson"],
    ],
    [
        ["director", "premiere", "trailer", "sequel", "screenplay", "cinema", "actress", "documentary"],
        ["directora", "estreno", "tráiler", "secuela", "guion", "cine", "actriz", "documental"],
        ["diretora", "estreia", "trailer", "sequência", "roteiro", "cinema", "atriz", "documentário"],
        ["Regisseurin", "Premiere", "Trailer", "Fortsetzung", "Drehbuch", "Kino", "Schauspielerin", "Doku"],
        ["réalisatrice", "première", "bande-annonce", "suite", "scénario", "cinéma", "actrice", "documentaire"],
    ],
    [
        ["speedrun", "console", "boss", "quest", "multiplayer", "patch", "controller", "pixel"],
        ["partida", "consola", "jefe", "misión", "multijugador", "parche", "mando", "píxel"],
        ["partida", "console", "chefão", "missão", "multijogador", "atualização", "controle", "pixel"],
        ["Spielstand", "Konsole", "Endgegner", "Quest", "Mehrspieler", "Patch", "Gamepad", "Pixel"],
        ["partie", "console", "boss", "quête", "multijoueur", "correctif", "manette", "pixel"],
    ],
    [
        ["compiler", "Rust", "borrow", "database", "refactor", "kernel", "latency", "async"],
        ["compilador", "Rust", "puntero", "servidor", "refactor", "núcleo", "latencia", "hilo"],
        ["compilador", "Rust", "ponteiro", "servidor", "refatoração", "núcleo", "latência", "thread"],
        ["Compiler", "Rust", "Zeiger", "Datenbank", "Refactoring", "Kernel", "Latenz", "Schnittstelle"],
        ["compilateur", "Rust", "pointeur", "serveur", "refonte", "noyau", "latence", "interface"],
    ],
    [
        ["telescope", "protein", "experiment", "galaxy", "neuron", "quantum", "fossil", "vaccine"],
        ["telescopio", "proteína", "experimento", "galaxia", "neurona", "cuántica", "fósil", "vacuna"],
        ["telescópio", "proteína", "experimento", "galáxia", "neurônio", "quântica", "fóssil", "vacina"],
        ["Teleskop", "Protein", "Experiment", "Galaxie", "Neuron", "Quanten", "Fossil", "Impfstoff"],
        ["télescope", "protéine", "expérience", "galaxie", "neurone", "quantique", "fossile", "vaccin"],
    ],
    [
        ["passport", "hostel", "itinerary", "beach", "airport", "backpack", "museum", "sunset"],
        ["pasaporte", "albergue", "itinerario", "playa", "aeropuerto", "mochila", "museo", "atardecer"],
        ["passaporte", "hostel", "roteiro de viagem", "praia", "aeroporto", "mochila", "museu", "viagem"],
        ["Reisepass", "Herberge", "Reiseroute", "Strand", "Flughafen", "Rucksack", "Museum", "Sonnenuntergang"],
        ["passeport", "auberge", "itinéraire", "plage", "aéroport", "valise", "musée", "voyage"],
    ],
    [
        ["deadlift", "marathon", "protein shake", "stretching", "treadmill", "squat", "coaching", "recovery"],
        ["sentadilla", "maratón", "batido", "estiramiento", "cinta", "pesas", "gimnasio", "descanso"],
        ["agachamento", "maratona", "suplemento", "alongamento", "esteira", "halteres", "academia", "descanso"],
        ["Kniebeuge", "Marathon", "Eiweiß", "Dehnen", "Laufband", "Hanteln", "Fitnessstudio", "Erholung"],
        ["squat", "marathon", "étirement", "haltères", "tapis", "abdos", "salle de sport", "récupération"],
    ],
    [
        ["inflation", "dividend", "stocks", "mortgage", "savings", "bond", "budget", "startup"],
        ["inflación", "dividendo", "bolsa", "hipoteca", "ahorro", "bono", "presupuesto", "inversión"],
        ["inflação", "dividendo", "bolsa", "financiamento", "poupança", "título", "orçamento", "investimento"],
        ["Inflation", "Dividende", "Aktien", "Hypothek", "Sparplan", "Anleihe", "Haushalt", "Rendite"],
        ["inflation", "dividende", "bourse", "hypothèque", "épargne", "obligation", "budget", "rendement"],
    ],
    [
        ["runway", "denim", "tailor", "sneakers", "silk", "collection", "vintage", "boots"],
        ["pasarela", "vaquero", "sastre", "zapatillas", "seda", "colección", "vestido", "botas"],
        ["passarela", "jeans", "alfaiate", "tênis", "seda", "coleção", "vestido", "botas"],
        ["Laufsteg", "Jeans", "Schneider", "Turnschuhe", "Seide", "Kollektion", "Kleid", "Stiefel"],
        ["défilé", "jean", "tailleur", "baskets", "soie", "collection", "robe", "bottes"],
    ],
    [
        ["lens", "shutter", "portrait", "aperture", "tripod", "darkroom", "exposure", "landscape"],
        ["objetivo", "obturador", "retrato", "apertura", "trípode", "revelado", "exposición", "paisaje"],
        ["lente", "obturador", "retrato", "abertura", "tripé", "revelação", "exposição", "paisagem"],
        ["Objektiv", "Verschluss", "Porträt", "Blende", "Stativ", "Dunkelkammer", "Belichtung", "Landschaft"],
        ["objectif", "obturateur", "portrait", "ouverture", "trépied", "argentique", "exposition", "paysage"],
    ],
    [
        ["engine", "gearbox", "hybrid", "torque", "rally", "charger", "wheels", "exhaust"],
        ["motor", "cambio", "híbrido", "par motor", "rally", "cargador", "ruedas", "escape"],
        ["motor", "câmbio", "híbrido", "torque", "rali", "carregador", "rodas", "escapamento"],
        ["Motor", "Getriebe", "Hybrid", "Drehmoment", "Rallye", "Ladesäule", "Felgen", "Auspuff"],
        ["moteur", "boîte", "hybride", "couple", "rallye", "borne", "jantes", "échappement"],
    ],
    [
        ["novel", "chapter", "poetry", "library", "paperback", "narrator", "bookshop", "trilogy"],
        ["novela", "capítulo", "poesía", "biblioteca", "bolsillo", "narrador", "librería", "trilogía"],
        ["romance", "capítulo", "poesia", "biblioteca", "conto", "narrador", "livraria", "trilogia"],
        ["Roman", "Kapitel", "Lyrik", "Bibliothek", "Taschenbuch", "Erzähler", "Buchladen", "Trilogie"],
        ["roman", "chapitre", "poésie", "bibliothèque", "poche", "narrateur", "librairie", "trilogie"],
    ],
    [
        ["compost", "seedlings", "roses", "pruning", "greenhouse", "tomatoes", "mulch", "lavender"],
        ["compost", "semillas", "rosas", "poda", "invernadero", "tomates", "riego", "lavanda"],
        ["compostagem", "sementes", "rosas", "poda", "estufa", "tomates", "rega", "lavanda"],
        ["Kompost", "Setzlinge", "Rosen", "Rückschnitt", "Gewächshaus", "Tomaten", "Mulch", "Lavendel"],
        ["compost", "semis", "rosiers", "taille", "serre", "tomates", "paillage", "lavande"],
    ],
];

/// Frames of an original post per language: `{a}`, `{b}` are nouns of the topic, `{c}` one of any topic.
pub(crate) const ORIGINALS: [[&str; 7]; LANGUAGES] = [
    [
        "Can't stop thinking about {a} and {b} today",
        "Hot take: {a} matters more than {b}",
        "My {a} finally worked out. Next: {b}",
        "Does anyone have good advice on {a}? Asking because of {b}",
        "{a}, {b} and a little {c}: a perfect weekend",
        "Thread on {a}: what I learned from {b} #{a}",
        "Unpopular opinion about {b}: {a} is overrated, even next to {c}",
    ],
    [
        "No dejo de pensar en {a} y {b}",
        "Lo digo claro: {a} importa más que {b}",
        "Por fin salió bien lo de {a}. Ahora toca {b}",
        "¿Alguien tiene consejos sobre {a}? Lo pregunto por {b}",
        "{a}, {b} y un poco de {c}: el fin de semana perfecto",
        "Hilo sobre {a}: lo que aprendí de {b} #{a}",
        "Opinión impopular sobre {b}: {a} está sobrevalorado, incluso junto a {c}",
    ],
    [
        "Não paro de pensar em {a} e {b}",
        "Falo mesmo: {a} importa mais que {b}",
        "Finalmente deu certo com {a}. Agora vem {b}",
        "Alguém tem dicas sobre {a}? Pergunto por causa de {b}",
        "{a}, {b} e um pouco de {c}: fim de semana perfeito",
        "Fio sobre {a}: o que aprendi com {b} #{a}",
        "Opinião impopular sobre {b}: {a} é superestimado, até perto de {c}",
    ],
    [
        "Ich denke heute nur an {a} und {b}",
        "Steile These: {a} ist wichtiger als {b}",
        "Endlich hat es mit {a} geklappt. Als Nächstes: {b}",
        "Hat jemand Tipps zu {a}? Es geht um {b}",
        "{a}, {b} und etwas {c}: das perfekte Wochenende",
        "Faden über {a}: was ich von {b} gelernt habe #{a}",
        "Unbeliebte Meinung zu {b}: {a} wird überschätzt, sogar neben {c}",
    ],
    [
        "Je ne pense qu'à {a} et {b} aujourd'hui",
        "Je le dis : {a} compte plus que {b}",
        "Ça a enfin marché avec {a}. La suite : {b}",
        "Quelqu'un a des conseils sur {a} ? C'est pour {b}",
        "{a}, {b} et un peu de {c} : le week-end parfait",
        "Fil sur {a} : ce que {b} m'a appris #{a}",
        "Avis impopulaire sur {b} : {a} est surcoté, même à côté de {c}",
    ],
];

/// Frames of a reply.
pub(crate) const REPLIES: [[&str; 3]; LANGUAGES] = [
    ["So true about {a}, but what of {b}?", "Not sure {a} works like that", "This! {a} and {b} all the way"],
    ["Muy cierto lo de {a}, ¿y {b}?", "No creo que {a} funcione así", "¡Esto! {a} y {b} siempre"],
    ["Verdade sobre {a}, mas e {b}?", "Não sei se {a} funciona assim", "Isso! {a} e {b} sempre"],
    ["Stimmt bei {a}, aber was ist mit {b}?", "So funktioniert {a} nicht", "Genau! {a} und {b} für immer"],
    ["Tellement vrai pour {a}, mais {b} ?", "Pas sûr que {a} marche ainsi", "Voilà ! {a} et {b} toujours"],
];

/// Frames of a quote.
pub(crate) const QUOTES: [[&str; 2]; LANGUAGES] = [
    ["Everyone who likes {a} should read this. {b} included", "Adding to this: {a} is only half of {b}"],
    ["Quien ame {a} debería leer esto. También por {b}", "Añado: {a} es solo la mitad de {b}"],
    ["Quem gosta de {a} devia ler isto. E {b} também", "Acrescento: {a} é só metade de {b}"],
    ["Wer {a} mag, sollte das lesen. Auch wegen {b}", "Dazu noch: {a} ist nur die Hälfte von {b}"],
    ["Si vous aimez {a}, lisez ceci. Pour {b} aussi", "J'ajoute : {a} n'est que la moitié de {b}"],
];

/// Frames of spam.
pub(crate) const SPAM: [[&str; 2]; LANGUAGES] = [
    [
        "FREE {a} giveaway!!! Click the link in bio, earn money from home",
        "Double your cash in 24h, no risk. DM now {a}",
    ],
    ["¡¡¡Sorteo GRATIS de {a}!!! Enlace en la bio, gana dinero en casa", "Duplica tu dinero en 24h, sin riesgo. {a}"],
    ["Sorteio GRÁTIS de {a}!!! Link na bio, ganhe dinheiro em casa", "Dobre seu dinheiro em 24h, sem risco. {a}"],
    ["GRATIS {a} Gewinnspiel!!! Link in der Bio, Geld von zu Hause", "Verdopple dein Geld in 24h, ohne Risiko. {a}"],
    ["Concours GRATUIT {a} !!! Lien en bio, gagnez de l'argent", "Doublez votre argent en 24h, sans risque. {a}"],
];

/// Frames of abuse (kept mild: the label matters, not the words).
pub(crate) const ABUSE: [[&str; 2]; LANGUAGES] = [
    ["People who like {a} are idiots, all of them", "Shut up about {a}, nobody wants you here"],
    ["Los que aman {a} son idiotas, todos", "Cállate con {a}, nadie te quiere aquí"],
    ["Quem gosta de {a} é idiota, todos", "Cala a boca com {a}, ninguém te quer aqui"],
    ["Wer {a} mag, ist ein Idiot, alle", "Halt den Mund mit {a}, keiner will dich hier"],
    ["Ceux qui aiment {a} sont des idiots, tous", "Tais-toi avec {a}, personne ne veut de toi ici"],
];
