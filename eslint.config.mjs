import tseslint from 'typescript-eslint';

/**
 * The rooms of docs/design.md and what each may import. An arrow that is missing here is an error, one that no file
 * uses too (test/house.test.ts):
 * run -> commands -> jobs -> trainer -> measure -> {methods, surgery, formats, data, report} -> graph -> layers ->
 * backend -> files; models -> layers; random is everybody's.
 */
export const mayImport = {
  random: [],
  files: [],
  backend: [],
  layers: ['backend', 'files', 'random'],
  models: ['layers', 'random'],
  graph: ['layers', 'files'],
  methods: ['graph', 'layers', 'random'],
  data: ['files', 'random'],
  report: [],
  surgery: ['graph', 'layers', 'backend', 'files'],
  formats: ['graph', 'layers', 'files'],
  measure: [
    'methods',
    'surgery',
    'data',
    'report',
    'graph',
    'layers',
    'backend',
    'files',
    'random',
  ],
  trainer: ['measure', 'methods', 'data', 'report', 'graph', 'layers', 'backend', 'files'],
  jobs: [
    ...['trainer', 'measure', 'methods', 'surgery', 'formats', 'models', 'data', 'report'],
    ...['graph', 'layers', 'files'],
  ],
  config: ['measure', 'methods', 'formats', 'data', 'models', 'report', 'files'],
  commands: [
    ...['config', 'jobs', 'trainer', 'measure', 'methods', 'formats', 'graph', 'report'],
    ...['backend', 'files'],
  ],
};

const rooms = Object.keys(mayImport);

/** The ways into the program, which nobody imports. */
const entrances = ['run', 'index'];

/** What the sources of a room may not import, `up` being the way from them to the project's own folder. */
function refusal(room, up) {
  const others = rooms.filter((other) => other !== room && !mayImport[room].includes(other));
  const group = others.flatMap((other) => [`${up}${other}`, `${up}${other}/**`]);
  const allowed = mayImport[room].join(', ') || 'itself';
  return {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: [...group, ...entrances.map((name) => up + name)],
            message: `${room}/ may import only ${allowed}.`,
          },
        ],
      },
    ],
  };
}

/** One entry for each depth: `../formats` is another room from config/parse.ts, and config/formats.ts from config/options/. */
const arrows = rooms.flatMap((room) =>
  [1, 2, 3].map((depth) => ({
    files: [`${room}/${'*/'.repeat(depth - 1)}*.ts`],
    rules: refusal(room, '../'.repeat(depth)),
  })),
);
const door = { files: ['config.ts'], rules: refusal('config', './') };

export default tseslint.config(
  { ignores: ['dist', 'runs', '.native', 'coverage', '**/*.mjs'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      complexity: ['error', 10],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off', // indexes that are in range by construction
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-extraneous-class': 'off',
      'no-restricted-properties': [
        'error',
        {
          object: 'Math',
          property: 'random',
          message: 'Randomness is a function of the seed: random/seeds.ts.',
        },
      ],
    },
  },
  ...arrows,
  door,
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      complexity: 'off',
    },
  },
);
