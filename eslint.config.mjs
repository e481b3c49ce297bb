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
  data: ['random'],
  report: [],
  surgery: ['graph', 'layers', 'backend', 'files'],
  formats: ['graph', 'layers', 'files'],
  measure: ['methods', 'surgery', 'data', 'report', 'graph', 'layers', 'backend', 'files'],
  trainer: ['measure', 'methods', 'data', 'report', 'graph', 'layers', 'backend', 'files'],
  jobs: ['measure', 'surgery', 'formats', 'data', 'report', 'graph'],
  config: ['methods', 'formats', 'data', 'models'],
  commands: [
    ...['config', 'jobs', 'trainer', 'measure', 'methods', 'surgery', 'formats', 'data', 'report'],
    ...['graph', 'layers', 'models', 'backend', 'files', 'random'],
  ],
};

const rooms = Object.keys(mayImport);

const outside = ['../run', '../../run', '../index', '../../index'];

const arrows = rooms.map((room) => ({
  files: [`${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: rooms
              .filter((other) => other !== room && !mayImport[room].includes(other))
              .flatMap((other) => [
                `../${other}`,
                `../${other}/**`,
                `../../${other}`,
                `../../${other}/**`,
              ])
              .concat(outside),
            message: `${room}/ may import only ${mayImport[room].join(', ') || 'itself'}.`,
          },
        ],
      },
    ],
  },
}));

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
          message: 'Randomness is a function of the seed: backend/random.ts.',
        },
      ],
    },
  },
  ...arrows,
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      complexity: 'off',
    },
  },
);
