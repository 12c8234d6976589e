// Paints the papers of `claimlens serve --demo` into src/cli/demo: what its made-up bills say, in the places where they
// say it (src/service/mock.rs). Run by hand when either changes: `node demo-papers.js`.
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launch } from './pages/browser.js';

const OUT = fileURLToPath(new URL('../../src/cli/demo/', import.meta.url));
const [WIDTH, HEIGHT] = [1000, 1400];

const bill = (total, words, change = {}) => ({
  title: '医疗门诊收费票据（样例）',
  rows: [
    ['收款单位 Issuer', '样例市第一人民医院'],
    ['票据名称 Title', '医疗门诊收费票据(电子)'],
    ['票据代码 Code', '11060124'],
    ['票据号码 Number', '0012345678'],
    ['校验码 Check code', '55e825'],
    ['交款人 Payer', change.payer ?? '张三'],
    ['开票日期 Date', change.date ?? '演示当日'],
    ['金额合计 Total', total],
    ['大写 In words', words],
    ['医保统筹 Fund', '0.00'],
    ['其他支付 Others', '0.00'],
    ['个人账户 Account', '0.00'],
    ['个人现金 Cash', total],
  ],
  item: ['西药费', total],
  code: true,
  ...change,
});

const PAPERS = {
  'sound-1': bill('86.20', '捌拾陆元贰角'),
  'sound-2': bill('1204.50', '壹仟贰佰零肆元伍角'),
  'sound-3': bill('312.80', '叁佰壹拾贰元捌角'),
  altered: bill('644.01', '壹仟陆佰肆拾肆元零壹分'),
  repeated: bill('320.02', '叁佰贰拾元零贰分'),
  another: bill('158.03', '壹佰伍拾捌元零叁分', { payer: '李四光' }),
  blurred: bill('97.04', '玖拾柒元零肆分', { blur: 5 }),
  unreadable: bill('210.05', '贰佰壹拾元零伍分', { blur: 22, dark: true }),
  unknown: bill('75.06', '柒拾伍元零陆分', { title: '收据（样例）' }),
  failed: bill('132.07', '壹佰叁拾贰元零柒分'),
  stale: bill('460.08', '肆佰陆拾元零捌分', { date: '2001-01-01' }),
  large: bill('12800.10', '壹万贰仟捌佰元壹角'),
  several: bill('540.30', '伍佰肆拾元叁角'),
  list: { title: '费用清单（样例）', rows: [['姓名 Patient', '张三']] },
};

/** Paints a paper in the page and gives it as WebP. */
async function paint([paper, width, height]) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  const ink = canvas.getContext('2d');
  ink.fillStyle = '#fbfaf5';
  ink.fillRect(0, 0, width, height);
  if (paper.blur) ink.filter = `blur(${paper.blur}px)`;
  ink.save();
  ink.translate(width / 2, height * 0.72);
  ink.rotate(-0.5);
  ink.fillStyle = '#ecdfd2';
  ink.font = '600 150px sans-serif';
  ink.textAlign = 'center';
  ink.fillText('样例 DEMO', 0, 0);
  ink.restore();
  ink.strokeStyle = '#b06a5a';
  ink.lineWidth = 3;
  ink.strokeRect(30, 18, width - 60, height - 40);
  ink.fillStyle = '#8c3b2d';
  ink.font = '600 26px sans-serif';
  ink.textAlign = 'right';
  ink.fillText(paper.title, 880, 70);
  ink.textAlign = 'left';
  paper.rows.forEach(([label, value], n) => {
    const top = 60 + 60 * n;
    ink.fillStyle = '#8c6a60';
    ink.font = '15px sans-serif';
    ink.fillText(label, 100, top - 5);
    ink.fillStyle = '#1c2333';
    ink.font = '27px sans-serif';
    ink.fillText(value, 102, top + 25);
    ink.fillStyle = '#d9c9bf';
    ink.fillRect(100, top + 33, 420, 1);
  });
  if (paper.item) {
    ink.fillStyle = '#f1e6dc';
    ink.fillRect(100, 866, 800, 30);
    ink.fillStyle = '#8c6a60';
    ink.font = '16px sans-serif';
    ink.fillText('项目 Item', 110, 887);
    ink.fillText('金额 Amount', 760, 887);
    ink.fillStyle = '#1c2333';
    ink.font = '27px sans-serif';
    ink.fillText(paper.item[0], 110, 930);
    ink.textAlign = 'right';
    ink.fillText(paper.item[1], 890, 930);
    ink.textAlign = 'left';
  }
  if (paper.code) {
    // Squares as of a code: what it says is made up with the rest.
    let state = 7;
    ink.fillStyle = '#1c2333';
    for (let at = 0; at < 21 * 21; at += 1) {
      state = (state * 1103515245 + 12345) % 2147483648;
      const [x, y] = [at % 21, Math.floor(at / 21)];
      const corner = (x < 7 || x > 13) && (y < 7 || (y > 13 && x < 7));
      if (!corner && state > 1073741824) ink.fillRect(903 + x * 4, 13 + y * 4, 4, 4);
    }
    for (const [x, y] of [
      [0, 0],
      [14, 0],
      [0, 14],
    ]) {
      ink.fillRect(903 + x * 4, 13 + y * 4, 28, 28);
      ink.fillStyle = '#fbfaf5';
      ink.fillRect(907 + x * 4, 17 + y * 4, 20, 20);
      ink.fillStyle = '#1c2333';
      ink.fillRect(911 + x * 4, 21 + y * 4, 12, 12);
    }
  }
  ink.fillStyle = '#8c6a60';
  ink.font = '20px sans-serif';
  ink.fillText('演示用虚构单据，所示内容并非读取所得。', 100, 1290);
  ink.fillText('Made up for the demo. What is shown of it was not read from this picture.', 100, 1325);
  ink.filter = 'none';
  if (paper.dark) {
    ink.fillStyle = 'rgb(10 10 14 / 88%)';
    ink.fillRect(0, 0, width, height);
  }
  return canvas.toDataURL('image/webp', 0.6).split(',')[1];
}

const browser = await launch();
try {
  const page = await browser.newPage();
  for (const [name, paper] of Object.entries(PAPERS)) {
    const bytes = Buffer.from(await page.evaluate(paint, [paper, WIDTH, HEIGHT]), 'base64');
    await writeFile(`${OUT}${name}.webp`, bytes);
    console.log(`${name}.webp ${bytes.length}`);
  }
} finally {
  await browser.close();
}
