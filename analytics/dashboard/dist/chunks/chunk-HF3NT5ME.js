import{Aa as L,Ba as F,b as D,d as E,g as n,za as j}from"./chunk-DVZ2JOGS.js";var v=10,H=26,g=52,K=12;function O({count:s,low:$=0,high:d,kind:c,height:l=240,label:u,format:w,name:k,read:P,draw:T}){let p=E(),a=F(p),[x,o]=D(-1);if(!a||!s)return n`<div class="chart plot-box" ref=${p} style=${{"--h":l+"px"}}></div>`;let M=a-g-K,h=j(d-$||1,c),[e,m]=[Math.floor($/h),Math.ceil(d/h||1)],f=M/s,y=t=>g+(t+.5)*f,b=t=>v+(1-(t/h-e)/(m-e))*(l-v-H),S=Array.from({length:m-e+1},(t,i)=>(e+i)*h),_=Math.ceil(s/Math.max(2,Math.floor(M/72))),r=Math.min(x,s-1),A=t=>Math.max(0,Math.min(s-1,t)),R=t=>o(A(Math.floor((t.clientX-p.current.getBoundingClientRect().left-g)/f))),C=t=>{let i={ArrowLeft:r<0?s-1:A(r-1),ArrowRight:A(r+1),Home:0,End:s-1,Escape:-1}[t.key];i===void 0||i<0&&r<0||(t.preventDefault(),t.stopPropagation(),o(i))},B=t=>t.pointerType!=="touch"&&o(-1);return n`<div class="chart plot-box" ref=${p} style=${{"--h":l+"px"}}>
<svg width=${a} height=${l} role="img" aria-label=${u} tabindex="0" onPointerMove=${R}
onPointerDown=${R} onPointerLeave=${B} onBlur=${B} onKeyDown=${C}>
${S.map(t=>n`<g key=${t}>
<line class=${t?"grid":"base"} x1=${g} x2=${a-K} y1=${b(t)} y2=${b(t)} />
<text class="tick" x=${g-8} y=${b(t)} dy=".32em" text-anchor="end">${w(Math.abs(t))}</text></g>`)}
${Array.from({length:s},(t,i)=>i%_===0&&n`<text key=${i} class="tick" x=${y(i)}
y=${l-7} text-anchor="middle">${k(i)}</text>`)}
${r>=0&&n`<rect class="range" x=${y(r)-f/2} width=${f} y=${v}
height=${l-v-H} />`}
${T({x:y,y:b,band:f,width:a})}
</svg>
${r>=0&&n`<${G} x=${y(r)} isFlipped=${y(r)>a/2} reading=${P(r)} />`}
</div>`}var G=({x:s,isFlipped:$,reading:d})=>n`<div class=${"tip"+($?" flip":"")}
style=${{"--x":s+"px"}} role="status"><div class="tip-row">${d.title}</div>
${d.rows.map(c=>n`<div class="tip-row" key=${c.name}><span class=${"key-box "+c.kind}></span>
<span>${c.name}</span><b>${c.value}</b></div>`)}</div>`,X=({kind:s,name:$})=>n`<span class="legend"><span class=${"key-box "+s}></span>${$}</span>`;function U({lines:s,kind:$,label:d,height:c,format:l,name:u,read:w,isOpen:k}){let P=Math.max(...s.flatMap(p=>p.values.map(a=>a??0)))||1,T=({x:p,y:a})=>s.map(x=>{let o=x.values.map((e,m)=>e===null?null:[p(m),a(e)]),M=k?o.slice(0,-1):o,h=e=>o[e]&&!o[e-1]&&!o[e+1];return n`<g key=${x.kind} class=${"line-"+x.kind}><path class="line" d=${L(M)} />
${k&&n`<path class="line part" d=${L(o.slice(-2))} />`}
${o.map((e,m)=>e&&h(m)&&n`<circle key=${m} cx=${e[0]} cy=${e[1]}
r="3" />`)}</g>`});return n`<${O} count=${s[0].values.length} high=${P} kind=${$} label=${d} height=${c}
format=${l} name=${u} read=${w} draw=${T} />`}export{O as a,X as b,U as c};
